/**
 * A server that responds like an agent with the containers and events of a
 * test.
 *
 * @module
 */

/** A container of {@linkcode FakeAgent}. */
export interface FakeContainer {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly namespace?: string;
  readonly id?: string;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** CPUs in use. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  readonly limitBytes?: number;
  readonly processes?: number;
  /** As in the usage table. */
  readonly oomKills?: number;
}

/** An agent with configurable responses. */
export class FakeAgent implements AsyncDisposable {
  containers: readonly FakeContainer[] = [];
  // deno-lint-ignore no-explicit-any
  events: readonly any[] = [];
  /** JSON of other paths. */
  // deno-lint-ignore no-explicit-any
  others: Readonly<Record<string, any>> = {
    "/api/v2.1/machine": { "num_cores": 4, "memory_capacity": 2 ** 33 },
  };
  /** Whether responses are invalid. */
  isBroken = false;
  /** Number of requests. */
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(port = 0) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      (request) => this.#respond(new URL(request.url)),
    );
  }

  /** Address for `--server`. */
  get address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  #respond({ pathname, searchParams }: URL): Response {
    this.requests++;
    if (this.isBroken) return Response.json([null]);
    const [, kind, name = ""] =
      /^\/api\/v\d\.\d\/(subcontainers|containers|events|usage)(\/.*)?$/.exec(
        pathname,
      ) ??
        [];
    const below = this.containers.filter((one) =>
      `${one.name}/`.startsWith(`${decodeURIComponent(name)}/`) || name === "/"
    );
    if (kind === "subcontainers" && (below.length > 0 || name === "/")) {
      return Response.json(below.map((one) => this.#info(one)));
    }
    if (kind === "usage") {
      return Response.json({
        "timestamp": Date.now(),
        "columns": ["oom_kills"],
        "containers": Object.fromEntries(
          below.map(({ name, oomKills = 0 }) => [name, [[oomKills]]]),
        ),
      });
    }
    if (kind === "events") {
      const seq = Number(searchParams.get("since_seq") ?? 0);
      return Response.json(this.events.filter((event) => event.seq > seq));
    }
    const found = kind !== "containers"
      ? undefined
      : this.containers.find((one) => one.name === decodeURIComponent(name));
    if (found !== undefined) return Response.json(this.#info(found));
    const other = this.others[pathname];
    if (other !== undefined) {
      const status = pathname === "/readyz" && !other.ready ? 503 : 200;
      return Response.json(other, { status });
    }
    const error = `Unknown container "${decodeURIComponent(name)}"`;
    return Response.json({ error }, { status: 404 });
  }

  #info(container: FakeContainer): unknown {
    const { name, aliases, namespace, id, image, labels } = container;
    const { cpu = 0, memoryBytes = 0, limitBytes, processes = 1 } = container;
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    return {
      name,
      aliases,
      namespace,
      id,
      spec: {
        image,
        labels,
        memory: limitBytes === undefined ? {} : { limit: limitBytes },
      },
      stats: [nowMs - 1000, nowMs].map((ms) => ({
        timestamp: new Date(ms).toISOString(),
        cpu: { usage: { total: ms * 1e6 * cpu } },
        memory: { usage: memoryBytes, working_set: memoryBytes },
        processes: { process_count: processes },
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
