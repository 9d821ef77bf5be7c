/**
 * Prometheus finds agents by `scripts/deploy/prometheus-kubernetes.yml`. The
 * Kubernetes API is a stand-in that lists and watches one pod. Requires a
 * Prometheus with Kubernetes discovery, which that of Debian lacks.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AgentProcess, until } from "../e2e/_agent.ts";
import { PROMETHEUS, PrometheusProcess } from "../e2e/_prometheus.ts";
import { DEPLOY } from "../_support/deploy_queries.ts";

const CONFIG = `${DEPLOY}/prometheus-kubernetes.yml`;
const NODE = "node-7";

/** A Kubernetes API with one pod, whose address can change. */
class KubernetesApi implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #watches = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #version = 1;
  #address: string;
  /** Paths and label selectors of the requests. */
  readonly requests = new Set<string>();

  constructor(address: string) {
    this.#address = address;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
    }, (request) => this.#respond(new URL(request.url)));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The pod is replaced by one with another address. */
  move(address: string): void {
    this.#address = address;
    this.#version++;
    const line = encodeEvent("MODIFIED", this.#pod());
    for (const watch of this.#watches) watch.enqueue(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) watch.close();
    await this.#server.shutdown();
  }

  #respond({ pathname, searchParams }: URL): Response {
    this.requests.add(`${pathname} ${searchParams.get("labelSelector")}`);
    if (!searchParams.has("watch")) {
      return Response.json({
        kind: "PodList",
        apiVersion: "v1",
        metadata: { resourceVersion: `${this.#version}` },
        items: [this.#pod()],
      });
    }
    let mine: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        mine = controller;
        this.#watches.add(controller);
        // Recent clients watch without a list before.
        if (searchParams.get("sendInitialEvents") !== "true") return;
        controller.enqueue(encodeEvent("ADDED", this.#pod()));
        controller.enqueue(encodeEvent("BOOKMARK", {
          kind: "Pod",
          apiVersion: "v1",
          metadata: {
            resourceVersion: `${this.#version}`,
            annotations: { "k8s.io/initial-events-end": "true" },
          },
        }));
      },
      cancel: () => void this.#watches.delete(mine),
    });
    return new Response(stream, {
      headers: { "content-type": "application/json" },
    });
  }

  #pod() {
    const { hostname: podIP, port } = new URL(this.#address);
    return {
      kind: "Pod",
      apiVersion: "v1",
      metadata: {
        name: "cgwatch-x7k2p",
        namespace: "kube-system",
        uid: "0f1e2d3c-1111-2222-3333-444455556666",
        resourceVersion: `${this.#version}`,
        labels: { "app.kubernetes.io/name": "cgwatch" },
      },
      spec: {
        nodeName: NODE,
        containers: [{
          name: "cgwatch",
          ports: [
            { name: "http", containerPort: Number(port), protocol: "TCP" },
            { name: "other", containerPort: 1, protocol: "TCP" },
          ],
        }],
      },
      status: { podIP, phase: "Running" },
    };
  }
}

function encodeEvent(type: string, object: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ type, object })}\n`);
}

const supports = await hasDiscovery();

Deno.test({
  name:
    "Prometheus finds an agent in Kubernetes, and again after its pod is replaced" +
    (supports ? "" : ", skipped: no Prometheus with Kubernetes discovery"),
  ignore: !supports,
  async fn() {
    const directory = await Deno.makeTempDir();
    const token = `${directory}/cgwatch.token`;
    await Deno.writeTextFile(token, "abc", { mode: 0o600 });
    const start = () =>
      AgentProcess.start([`--auth-token-file=${token}`, "--event-log=none"]);
    let agent = await start();
    await using api = new KubernetesApi(agent.url);
    const config = await Deno.readTextFile(CONFIG);
    await Deno.writeTextFile(
      `${directory}/prometheus.yml`,
      config
        .replace("- role: pod\n", `$&        api_server: ${api.url}\n`)
        .replace(/_interval: 15s/g, "_interval: 1s"),
    );
    await Deno.copyFile(
      `${DEPLOY}/prometheus-rules.yml`,
      `${directory}/prometheus-rules.yml`,
    );
    const prometheus = await PrometheusProcess.startIn(directory);
    try {
      const starts: number[] = [];
      const isScraped = async () => {
        const [series, ...others] = await prometheus.query(
          "process_start_time_seconds and on (instance) up == 1",
        );
        const started = series?.points[0]?.[1] ?? 0;
        if (started === 0 || starts.includes(started)) return false;
        assertEquals(others, []);
        assertEquals(series?.metric["instance"], NODE);
        starts.push(started);
        return true;
      };
      assert(await until(isScraped, { timeoutMs: 30_000, everyMs: 200 }));
      await agent.stop();
      agent = await start();
      api.move(agent.url);
      assert(await until(isScraped, { timeoutMs: 30_000, everyMs: 200 }));
      const [targets] = await prometheus.query("count(up)");
      assertEquals(targets?.points[0]?.[1], 1);
      assertEquals([...api.requests], [
        "/api/v1/namespaces/kube-system/pods app.kubernetes.io/name=cgwatch",
      ]);
    } finally {
      await prometheus.stop();
      await agent.stop();
    }
  },
});

/** Returns whether the configuration is valid, except for missing files. */
async function hasDiscovery(): Promise<boolean> {
  if (PROMETHEUS === undefined) return false;
  const { stderr } = await new Deno.Command("timeout", {
    args: [
      "2",
      `${PROMETHEUS}prometheus`,
      `--config.file=${CONFIG}`,
      "--storage.tsdb.path=/nonexistent",
      "--web.listen-address=127.0.0.1:0",
    ],
  }).output();
  return !new TextDecoder().decode(stderr).includes("not found in type");
}
