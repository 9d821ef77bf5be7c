import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import type { AllowPs } from "../../lib/api/endpoints.ts";
import { createHandler } from "../../lib/api/routes.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import type { EventType } from "../../lib/model/event.ts";
import {
  type LogFields,
  type Logger,
  silentLogger,
} from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { pageFile } from "../../lib/web/page.ts";
import { FakeMetrics } from "../_support/fake_metrics.ts";
import { FakeManager } from "../_support/fake_manager.ts";

/** The whole API without a socket. */
class Api {
  readonly manager: FakeManager;
  readonly clock = new FakeClock();
  readonly events = new EventManager({
    node: "n1",
    bootId: "b1",
    clock: this.clock,
  });
  readonly metrics = new FakeMetrics();
  readonly streams = new EventStreams({
    events: this.events,
    clock: this.clock,
    maxStreams: 1,
  });
  readonly errors: [string, LogFields | undefined][] = [];
  readonly #handler: (request: Request) => Promise<Response>;

  constructor(names?: readonly string[], allowPs: AllowPs = "off") {
    this.manager = new FakeManager(names);
    const { manager, events, streams } = this;
    const logger: Logger = {
      ...silentLogger,
      error: (message, fields) => this.errors.push([message, fields]),
    };
    const { metrics } = this;
    this.#handler = createHandler({
      manager,
      events,
      streams,
      logger,
      allowPs,
      metrics,
      page: pageFile,
    });
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return this.#handler(new Request(`http://127.0.0.1:8080${path}`, init));
  }

  // deno-lint-ignore no-explicit-any
  async json(path: string, init?: RequestInit): Promise<any> {
    const response = await this.request(path, init);
    assertEquals(response.status, 200, path);
    assertEquals(response.headers.get("content-type"), "application/json");
    return await response.json();
  }

  async error(path: string, init?: RequestInit): Promise<[number, string]> {
    const response = await this.request(path, init);
    assertEquals(response.headers.get("content-type"), "application/json");
    const { error, ...rest } = await response.json();
    assertEquals(rest, {});
    return [response.status, error];
  }

  add(type: EventType, containerName: string): void {
    const timestampMs = this.clock.now();
    this.events.addEvent({ timestampMs, type, containerName });
    this.clock.advance(1);
  }
}

Deno.test("createHandler() responds to /healthz", async () => {
  const response = await new Api().request("/healthz");
  assertEquals(response.status, 200);
  assertEquals(await response.text(), "ok");
});

Deno.test("createHandler() responds to /readyz with 503 until the manager is ready", async () => {
  const api = new Api();
  const sources = [{ name: "kmsg", state: "off", detail: "turned off" }];
  assertEquals(await api.json("/readyz"), { ready: true, sources });
  api.manager.ready = false;
  const response = await api.request("/readyz");
  assertEquals(response.status, 503);
  assertEquals(await response.json(), { ready: false, sources });
});

Deno.test("createHandler() selects the container in the path", async () => {
  for (
    const [path, name] of [
      ["", "/"],
      ["/", "/"],
      ["/a", "/a"],
      ["/a/b/", "/a/b"],
      ["//a///b", "/a/b"],
      ["/a/x/../b", "/a/b"],
      ["/%2Fa%2Fb", "/a/b"],
      ["/a/%2e%2e/a", "/a"],
    ] as const
  ) {
    const info = await new Api().json(`/api/v1.3/containers${path}`);
    assertEquals(info.name, name, path);
  }
});

Deno.test("createHandler() decodes names with systemd's escapes and UTF-8", async () => {
  const names = ["/system.slice/a\\x2db.service", "/ä b", "/100%"];
  const api = new Api(names);
  for (const name of names) {
    const path = name.split("/").map(encodeURIComponent).join("/");
    assertEquals((await api.json(`/api/v1.3/containers${path}`)).name, name);
  }
});

Deno.test("createHandler() responds with 400 to a name that cannot be decoded", async () => {
  for (const path of ["/%zz", "/a/%ff", "/%"]) {
    const [status, error] = await new Api().error(
      `/api/v1.3/containers${path}`,
    );
    assertEquals(status, 400);
    assertStringIncludes(error, `Cannot decode "${path.slice(1)}"`);
  }
});

Deno.test("createHandler() responds with 404 to an unknown container", async () => {
  for (
    const path of [
      "/api/v1.3/containers/x",
      "/api/v1.3/subcontainers/x",
      "/api/v2.1/stats/x",
      "/api/v2.1/spec/x?recursive=true",
    ]
  ) {
    assertEquals(await new Api().error(path), [404, 'Unknown container "/x"']);
  }
});

Deno.test("createHandler() reads the request for containers from the body of POST", async () => {
  const api = new Api();
  const body = '{"num_stats":1}';
  await api.json("/api/v1.3/containers/a", { method: "POST", body });
  await api.json("/api/v1.3/subcontainers/a", { method: "POST", body });
  await api.json("/api/v1.3/containers/a");
  assertEquals(api.manager.calls, [
    ["containerInfo", "/a", { numStats: 1 }],
    ["subcontainersInfo", "/a", { numStats: 1 }],
    ["containerInfo", "/a", {}],
  ]);
  const [status, error] = await api.error("/api/v1.3/containers/a", {
    method: "POST",
    body: "{",
  });
  assertEquals(status, 400);
  assertStringIncludes(error, "Cannot parse the body as JSON");
  assertEquals(
    (await api.error("/api/v1.3/containers/a", {
      method: "POST",
      body: " ".repeat(65_537),
    }))[0],
    413,
  );
});

Deno.test("createHandler() leaves a container that fails out of subcontainers", async () => {
  const api = new Api();
  const infos = await api.json("/api/v1.3/subcontainers/a");
  // deno-lint-ignore no-explicit-any
  assertEquals(infos.map((info: any) => info.name), ["/a", "/a/b"]);
  const all = api.manager.subcontainersInfo;
  api.manager.subcontainersInfo = (name, request) => {
    const [first, ...rest] = all.call(api.manager, name, request);
    assert(first !== undefined);
    const gone = {
      ...first,
      get stats(): never {
        throw new Error("No such device (os error 19)");
      },
    };
    return [gone, ...rest];
  };
  const rest = await api.json("/api/v1.3/subcontainers/a");
  // deno-lint-ignore no-explicit-any
  assertEquals(rest.map((info: any) => info.name), ["/a/b"]);
  assertEquals(api.errors, []);
});

Deno.test("createHandler() serializes 1,000 containers only as they are read", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `/c${i}`);
  const api = new Api(["/", ...names]);
  const [sample] = api.manager.stats;
  assert(sample !== undefined);
  const all = api.manager.subcontainersInfo;
  let made = 0;
  api.manager.subcontainersInfo = (name, request) =>
    all.call(api.manager, name, request).map((info) => ({
      ...info,
      get stats() {
        made++;
        return Array.from({ length: 60 }, () => sample);
      },
    }));
  const response = await api.request("/api/v1.3/subcontainers");
  assert(response.body !== null);
  let length = 0;
  let read = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    read += new TextDecoder().decode(chunk).split('"name":').length - 1;
    // Serialized and not read yet: one chunk of 64 KiB, and the container that filled it.
    assert(chunk.length < 80_000, `${chunk.length}`);
    assert(made - read < 20, `${made} made when ${read} were read`);
  }
  assertEquals([made, read], [1001, 1001]);
  assert(length > 4_000_000, `${length}`);
});

Deno.test("createHandler() returns v2.1 stats by name, without the root", async () => {
  const api = new Api();
  assertEquals(Object.keys(await api.json("/api/v2.1/stats/a")), ["/a"]);
  assertEquals(
    Object.keys(await api.json("/api/v2.1/stats?recursive=true&max_age=0s")),
    ["/a", "/a/b"],
  );
  assertEquals(await api.json("/api/v2.1/stats/"), {});
  assertEquals(api.manager.calls[1], [
    "containerInfoV2",
    "/",
    { recursive: true, maxAgeMs: 0 },
  ]);
});

Deno.test("createHandler() returns v2.0 stats as samples only, with the root", async () => {
  const stats = await new Api().json("/api/v2.0/stats?recursive=true");
  assertEquals(Object.keys(stats), ["/", "/a", "/a/b"]);
  const [sample] = stats["/a"];
  assertEquals(sample.timestamp, "1970-01-01T00:00:01Z");
  assertEquals([sample.has_cpu, sample.has_memory], [true, false]);
  assertEquals(sample.cpu.usage.total, 5);
});

Deno.test("createHandler() returns samples of the root as the machine's", async () => {
  const api = new Api();
  assertEquals(
    await api.json("/api/v2.1/machinestats?count=1&recursive=true"),
    [
      { timestamp: "1970-01-01T00:00:01Z", cpu: { usage: { total: 5 } } },
    ],
  );
  assertEquals(api.manager.calls, [
    ["containerInfoV2", "/", { count: 1, recursive: false }],
  ]);
  const [status, error] = await api.error(
    "/api/v2.1/machinestats?type=docker",
  );
  assertEquals(status, 400);
  assertStringIncludes(error, '"docker" selects containers');
});

Deno.test("createHandler() returns v2 specs by name, with the root", async () => {
  const specs = await new Api().json("/api/v2.1/spec?recursive=true");
  assertEquals(Object.keys(specs), ["/", "/a", "/a/b"]);
  assertEquals(specs["/a"].has_cpu, true);
});

/** Request types by version of cAdvisor's API, except `ps`. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  "v1.0": ["machine", "containers"],
  "v1.1": ["machine", "containers", "subcontainers"],
  "v1.2": ["machine", "containers", "subcontainers", "docker"],
  "v1.3": ["machine", "containers", "subcontainers", "docker", "events"],
  "v2.0": [
    "machine",
    "attributes",
    "storage",
    "version",
    "events",
    "summary",
    "spec",
    "stats",
  ],
  "v2.1": [
    "machine",
    "attributes",
    "storage",
    "version",
    "events",
    "summary",
    "spec",
    "stats",
    "machinestats",
  ],
};

Deno.test("createHandler() has each request type in the versions of cAdvisor, and in no others", async () => {
  const api = new Api();
  const all = new Set(Object.values(TYPES).flat());
  for (const [version, types] of Object.entries(TYPES)) {
    for (const type of types) {
      for (const path of [type, `${type}/`, `${type}/a`]) {
        await api.json(`/api/${version}/${path}`);
      }
    }
    for (const type of all.difference(new Set(types))) {
      const [status, error] = await api.error(`/api/${version}/${type}`);
      assertEquals(status, 404);
      assertStringIncludes(error, `"${type}" of ${version}: expected one of`);
    }
  }
});

Deno.test("createHandler() returns docker containers by cgroup name", async () => {
  const api = new Api();
  const all = await api.json("/api/v1.2/docker");
  assertEquals(Object.keys(all), ["/", "/a", "/a/b"]);
  const body = '{"num_stats":2}';
  const one = await api.json("/api/v1.3/docker/a", { method: "POST", body });
  assertEquals(one["/a"].name, "/a");
  assertEquals(api.manager.calls, [
    ["namespaceInfo docker", "/", {}],
    ["namespaceInfo docker", "/a", { numStats: 2 }],
  ]);
});

Deno.test("createHandler() returns the summary by name, and marks absent values", async () => {
  const api = new Api();
  const spread = { std: 1, max: 9, fifty: 2, ninety: 7, ninetyfive: 8 };
  api.manager.usage = {
    timestampMs: Date.UTC(2026, 10, 23),
    latest: { cpu: 12, memory: 4096 },
    minute: {
      percentComplete: 100,
      cpu: { mean: 3, ...spread, count: 59 },
    },
    hour: { percentComplete: 0 },
    day: { percentComplete: 0 },
  };
  const none = {
    "percent_complete": 0,
    cpu: { present: false },
    memory: { present: false },
  };
  assertEquals(await api.json("/api/v2.0/summary/a?max_age=1s"), {
    "/a": {
      timestamp: "2026-11-23T00:00:00Z",
      latest_usage: { cpu: 12, memory: 4096 },
      minute_usage: {
        percent_complete: 100,
        cpu: { present: true, mean: 3, ...spread, count: 59 },
        memory: { present: false },
      },
      hour_usage: none,
      day_usage: none,
    },
  });
  assertEquals(api.manager.calls, [
    ["derivedStats", "/a", { maxAgeMs: 1000 }],
  ]);
});

Deno.test("createHandler() lists processes only if allowed", async () => {
  const [status, error] = await new Api().error("/api/v2.1/ps/a");
  assertEquals(status, 403);
  assertStringIncludes(error, "--allow-ps");
  for (
    const [allowPs, commandLines] of [["on", false], ["full", true]] as const
  ) {
    const api = new Api(undefined, allowPs);
    assertEquals(await api.json("/api/v2.0/ps/a?recursive=true"), []);
    assertEquals(api.manager.calls, [
      ["processList", "/a", { recursive: true, commandLines }],
    ]);
    assertEquals((await api.error("/api/v2.1/ps/x"))[0], 404);
    assertEquals((await api.error("/api/v2.1/ps?count=-2"))[0], 400);
  }
});

Deno.test("createHandler() returns the version as a JSON string", async () => {
  assertEquals(await new Api().json("/api/v2.1/version"), "0.1.0");
  assertEquals(await new Api().json("/api/v2.1/version/"), "0.1.0");
});

Deno.test("createHandler() responds with 400 to an invalid parameter", async () => {
  for (
    const [path, message] of [
      [
        "/api/v2.1/stats?count=x",
        '"count": "x" is invalid, expected an integer',
      ],
      [
        "/api/v2.1/spec?type=x",
        '"type": "x" is invalid, expected name, docker, podman',
      ],
      ["/api/v1.3/events?max_events=x", '"max_events": "x" is invalid'],
    ] as const
  ) {
    const [status, error] = await new Api().error(path);
    assertEquals(status, 400);
    assertStringIncludes(error, message);
  }
});

Deno.test("createHandler() returns events of all types and containers by default", async () => {
  const api = new Api();
  api.add("containerCreation", "/");
  api.add("oom", "/a/b");
  api.add("oomKill", "/a");
  const seqs = async (query: string) => {
    const events: { seq: number }[] = await api.json(`/api/${query}`);
    return events.map(({ seq }) => seq);
  };
  assertEquals(await seqs("v1.3/events"), [1, 2, 3]);
  assertEquals(await seqs("v2.1/events/"), [1, 2, 3]);
  assertEquals(await seqs("v1.3/events/a"), [3]);
  assertEquals(await seqs("v1.3/events/a?subcontainers=true"), [2, 3]);
  assertEquals(await seqs("v1.3/events?oom_events=true"), []);
  assertEquals(
    await seqs("v1.3/events?oom_events=true&subcontainers=true"),
    [2],
  );
  assertEquals(await seqs("v1.3/events?max_events=1"), [3]);
  assertEquals(await seqs("v1.3/events?since_seq=2"), [3]);
  assertEquals(await seqs("v1.3/events/not/there"), []);
});

Deno.test("createHandler() streams events, up to the maximum number of streams", async () => {
  const api = new Api();
  const response = await api.request("/api/v1.3/events?stream=true");
  assertEquals(
    response.headers.get("content-type"),
    "application/x-ndjson",
  );
  const [status, error] = await api.error("/api/v2.1/events?stream=true");
  assertEquals(status, 503);
  assertStringIncludes(error, "maximum of 1 is open");
  await response.body?.cancel();
  const sse = await api.request("/api/v2.1/events", {
    headers: { accept: "text/event-stream" },
  });
  assertEquals(sse.headers.get("content-type"), "text/event-stream");
  await sse.body?.cancel();
});

Deno.test("createHandler() responds to HEAD as to GET without a body, and opens no stream", async () => {
  const api = new Api();
  for (
    const path of [
      "/healthz",
      "/readyz",
      "/api/v1.3/containers/a",
      "/api/v1.3/containers/x",
      "/api/v1.3/events",
      "/api/v1.3/events?stream=true",
    ]
  ) {
    const head = await api.request(path, { method: "HEAD" });
    assertEquals(await head.text(), "", path);
    assertEquals(api.streams.open, 0);
    const get = await api.request(path);
    assertEquals(head.status, get.status, path);
    assertEquals([...head.headers], [...get.headers], path);
    await get.body?.cancel();
  }
});

Deno.test("createHandler() responds with 405 and the methods of the path", async () => {
  const api = new Api();
  for (
    const [method, path, allow] of [
      ["POST", "/healthz", "GET, HEAD"],
      ["DELETE", "/api/v1.3/containers/a", "GET, HEAD, POST"],
      ["PUT", "/api/v1.3/events", "GET, HEAD"],
      ["OPTIONS", "/api/v2.1/stats/a/b", "GET, HEAD"],
    ] as const
  ) {
    const response = await api.request(path, { method });
    assertEquals(response.status, 405, path);
    assertEquals(response.headers.get("allow"), allow);
    const { error } = await response.json();
    assertStringIncludes(error, `Cannot ${method} `);
  }
});

Deno.test("createHandler() responds with 404 to an unknown path, and lists the known versions", async () => {
  const api = new Api();
  for (
    const [path, message] of [
      ["/index.html", 'Unknown path "/index.html"'],
      ["/metricsx", 'Unknown path "/metricsx"'],
      ["/healthz/x", 'Unknown path "/healthz/x"'],
      [
        "/api/v9/x",
        'Unknown API version "v9": expected one of v1.0, v1.1, v1.2, v1.3, v2.0, v2.1',
      ],
      [
        "/api/v1x0/containers",
        'Unknown API version "v1x0": expected one of v1.0, v1.1, v1.2, v1.3, v2.0, v2.1',
      ],
    ] as const
  ) assertEquals(await api.error(path), [404, message]);
});

Deno.test("createHandler() responds with 400 to /api and to a version, and lists what may follow", async () => {
  const api = new Api();
  for (const path of ["/api", "/api/"]) {
    assertEquals(
      await api.error(path),
      [400, "Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1"],
    );
  }
  for (const path of ["/api/v1.3", "/api/v1.3/"]) {
    const [status, error] = await api.error(path);
    assertEquals(status, 400);
    assertStringIncludes(error, 'Supported request types: "containers,');
  }
});

Deno.test("createHandler() responds with 414 to a URL of more than 8 KiB", async () => {
  const [status] = await new Api().error(
    `/api/v1.3/events?x=${"x".repeat(8192)}`,
  );
  assertEquals(status, 414);
});

Deno.test("createHandler() responds with 500 to an internal error, logs it once and leaks nothing", async () => {
  const api = new Api();
  api.manager.containerInfo = () => {
    throw new TypeError("secret");
  };
  const [status, error] = await api.error("/api/v1.3/containers/a");
  assertEquals(status, 500);
  assert(!error.includes("secret"));
  assertEquals(api.errors.length, 1);
  assertStringIncludes(`${api.errors[0]?.[1]?.["error"]}`, "secret");
});

Deno.test("createHandler() compresses long responses for clients that accept gzip", async () => {
  const api = new Api();
  for (let i = 0; i < 100; i++) api.add("oom", `/${i}`);
  const response = await api.request("/api/v1.3/events", {
    headers: { "accept-encoding": "gzip" },
  });
  assertEquals(response.headers.get("content-encoding"), "gzip");
  const body = response.body?.pipeThrough(new DecompressionStream("gzip"));
  assertEquals((await new Response(body).json()).length, 100);
});

Deno.test("createHandler() returns the machine in every version", async () => {
  const api = new Api();
  for (const version of ["v1.0", "v1.1", "v1.2", "v1.3", "v2.0", "v2.1"]) {
    const machine = await api.json(`/api/${version}/machine`);
    assertEquals(machine.num_cores, 2);
    assertEquals(machine.filesystems.length, 1);
  }
  for (const version of ["v2.0", "v2.1"]) {
    const attributes = await api.json(`/api/${version}/attributes`);
    assertEquals(attributes.cadvisor_version, "0.1.0");
    assertEquals(attributes.num_cores, 2);
  }
});

Deno.test("createHandler() returns file systems as an array, or the one with a UUID", async () => {
  const api = new Api();
  const root = {
    timestamp: "1970-01-01T00:00:01Z",
    device: "/dev/sda1",
    mountpoint: "/",
    capacity: 4096,
    labels: ["root"],
  };
  for (const query of ["", "?label=", "?label=root", "?uuid="]) {
    assertEquals(await api.json(`/api/v2.1/storage${query}`), [root]);
  }
  // The UUID takes precedence.
  const path = "/api/v2.0/storage?label=x&uuid=1C-2";
  assertEquals(await api.json(path), root);
  const [status] = await api.error("/api/v2.1/storage?uuid=none");
  assertEquals(status, 404);
});

Deno.test("createHandler() returns /metrics in the accepted format, with the selected families", async () => {
  const api = new Api();
  const plain = await api.request("/metrics?name[]=a&name[]=b&max_age=1s");
  assertEquals(await plain.text(), "a 1\nb 2\n");
  assertEquals(
    plain.headers.get("content-type"),
    "text/plain; version=0.0.4; charset=utf-8",
  );
  const open = await api.request("/metrics?type=docker", {
    headers: {
      // Prometheus 2.42.
      accept:
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    },
  });
  await open.body?.cancel();
  assertEquals(
    open.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assertEquals(api.metrics.calls, [
    {
      format: "prometheus",
      names: new Set(["a", "b"]),
      containers: { maxAgeMs: 1_000 },
    },
    {
      format: "openmetrics",
      names: new Set<string>(),
      containers: { type: "docker" },
    },
  ]);
  const [status] = await api.error("/metrics?max_age=x");
  assertEquals(status, 400);
  const resource = await api.request("/metrics/resource");
  assertEquals(await resource.text(), "c 3\n");
});

Deno.test("createHandler() returns /stats/summary, and rejects an invalid parameter", async () => {
  const api = new Api();
  const { node, pods } = await api.json("/stats/summary");
  assertEquals([node.nodeName, pods], ["n1", []]);
  assertEquals(Object.keys(node), [
    "nodeName",
    "systemContainers",
    "startTime",
    "rlimit",
  ]);
  const few = await api.json("/stats/summary?only_cpu_and_memory=true");
  assertEquals(Object.keys(few.node).includes("rlimit"), false);
  // The kubelet accepts POST too.
  const posted = await api.request("/stats/summary", { method: "POST" });
  assertEquals((await posted.json()).node.nodeName, "n1");
  const [status] = await api.error("/stats/summary?only_cpu_and_memory=x");
  assertEquals(status, 400);
});
