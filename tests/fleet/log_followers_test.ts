/**
 * Fluent Bit, Vector and the OpenTelemetry Collector follow an event log with
 * their configurations in `scripts/deploy`, while the log rotates, they are
 * restarted, or the store refuses requests. Requires `victoria-logs`, and
 * `fluent-bit`, `vector` or `otelcol`, in PATH.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AGENT, delay, until, type WireEvent } from "../e2e/_agent.ts";
import { freePort } from "../e2e/_prometheus.ts";
import { hasProgram } from "../e2e/_programs.ts";
import { DEPLOY } from "../_support/deploy_queries.ts";
import { SeededRandom } from "../_support/random.ts";
import { identity } from "./_checks.ts";
import {
  CLUSTER,
  collector,
  Engine,
  LogStore,
  StoreProxy,
} from "./_engines.ts";
import { churn, FleetNode } from "./_node.ts";

const MS = 20_000;
const KILLS = 6;

interface Follower {
  readonly name: string;
  readonly program: string;
  /** Returns the program with its configuration of `scripts/deploy`. */
  configured(options: EngineOptions): Promise<Engine>;
  /** Absent if it does not lose events that the store refuses. */
  readonly loss?: {
    /** Counts the dropped events. */
    readonly metric: string;
    readonly path: string;
    /** Files of the read positions, below the test's directory. */
    readonly positions: RegExp;
  };
}

interface EngineOptions {
  readonly directory: string;
  readonly storeUrl: string;
  readonly metricsPort?: number | undefined;
}

const FLUENT_BIT: Follower = {
  name: "Fluent Bit",
  program: "fluent-bit",
  configured: (options) =>
    copied(
      "fluent-bit",
      ["fluent-bit.conf", "fluent-bit.lua", "fluent-bit-parsers.conf"],
      options,
    ),
  loss: {
    metric: "fluentbit_output_dropped_records_total",
    path: "/api/v2/metrics/prometheus",
    positions: /^\/cgwatch[.]db/,
  },
};

const VECTOR: Follower = {
  name: "Vector",
  program: "vector",
  configured: (options) => copied("vector", ["vector.yaml"], options),
};

const COLLECTOR: Follower = {
  name: "The OpenTelemetry Collector",
  program: "otelcol",
  configured: ({ directory, storeUrl, metricsPort }) =>
    Promise.resolve(collector(directory, storeUrl, metricsPort)),
  loss: {
    metric: "otelcol_exporter_send_failed_log_records",
    path: "/metrics",
    positions: /^\/collector\/receiver_/,
  },
};

/** `fleet_test.ts` does the same with the collector. */
const ROTATED = [FLUENT_BIT, VECTOR];
const ALL = [...ROTATED, COLLECTOR];

/** Starts a test for each program. */
function test(
  followers: readonly Follower[],
  what: string,
  fn: (follower: Follower, directory: string) => Promise<void>,
): void {
  for (const follower of followers) {
    const lacking = [follower.program, "victoria-logs"]
      .filter((name) => !hasProgram(name));
    Deno.test({
      name: `${follower.name} ${what}` +
        (lacking.length === 0
          ? ""
          : `, skipped: ${lacking.join(", ")} missing`),
      ignore: lacking.length > 0,
      async fn() {
        const prefix = `cgwatch-${follower.program}-`;
        const directory = await Deno.makeTempDir({ prefix });
        try {
          await fn(follower, directory);
        } finally {
          await Deno.remove(directory, { recursive: true });
        }
      },
    });
  }
}

test(
  ROTATED,
  "delivers each event of a log that rotates",
  async (follower, directory) => {
    const tokenFile = `${directory}/token`;
    await Deno.writeTextFile(tokenFile, "abc\n", { mode: 0o600 });
    const store = new LogStore(directory);
    const engine = await follower.configured({
      directory,
      storeUrl: store.url,
    });
    const node = new FleetNode({ name: "n1", directory, tokenFile });
    try {
      store.start();
      assert(await store.ready());
      engine.start();
      await node.start(AGENT);
      await Promise.all([
        churn(node, new SeededRandom(1), {
          ms: MS,
          lifetimes: 120,
          kills: KILLS,
        }),
        restart(engine),
      ]);
      await delay(2_000);
      await node.stop("SIGTERM");
      const { events, parts } = await node.log.read();
      assert(parts > 1);
      const written = events.map(identity);
      const isComplete = async () =>
        (await missing(store, written)).length === 0;
      await until(isComplete, { timeoutMs: 60_000, everyMs: 500 });
      const lost = await missing(store, written);
      assert(lost.length === 0, `${lost}\n${await engine.log()}`);
      const kills = await store.query(
        'event_type:="oomKill" severity:="ERROR" host.name:="n1" k8s.namespace.name:="shop" container.runtime.name:="containerd" | uniq by (node, boot_id, seq)',
      );
      assertEquals(kills.length, KILLS);
    } finally {
      await engine.stop();
      await node.stop("SIGKILL");
      await store.stop();
      node.remove();
    }
  },
);

/** An event log without an agent. */
class PlainLog {
  readonly path: string;
  #seq = 0;

  constructor(directory: string) {
    Deno.mkdirSync(directory);
    this.path = `${directory}/events.ndjson`;
  }

  get written(): string[] {
    return Array.from({ length: this.#seq }, (_, at) => `n1 b1 ${at + 1}`);
  }

  add(count: number): void {
    let lines = "";
    for (let i = 0; i < count; i++) {
      lines += `${
        JSON.stringify({
          timestamp: new Date().toISOString(),
          event_type: "containerCreation",
          container_name: "/",
          node: "n1",
          boot_id: "b1",
          seq: ++this.#seq,
          // All parts have the same size, and end with the same bytes.
          padding: "x".repeat(20 - `${this.#seq}`.length),
        })
      }\n`;
    }
    Deno.writeTextFileSync(this.path, lines, { append: true });
  }

  /** Renames as the agent does, which deletes the third part. */
  rotate(): void {
    for (const [from, to] of [[".2", ".3"], [".1", ".2"], ["", ".1"]]) {
      try {
        Deno.renameSync(this.path + from, this.path + to);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    Deno.writeTextFileSync(this.path, "");
  }
}

test(
  ROTATED,
  "delivers each event through an unavailable store, SIGKILL, and rotation while it does not run",
  async (follower, directory) => {
    const store = new LogStore(directory);
    const engine = await follower.configured({
      directory,
      storeUrl: store.url,
    });
    const log = new PlainLog(`${directory}/n1`);
    const isComplete = async () =>
      (await missing(store, log.written)).length === 0;
    const delivers = async (when: string) => {
      await until(isComplete, { timeoutMs: 60_000, everyMs: 500 });
      const lost = await missing(store, log.written);
      assert(lost.length === 0, `${when}: ${lost}\n${await engine.log()}`);
    };
    try {
      // It has read the lines, and cannot send them.
      log.add(200);
      engine.start();
      await delay(5_000);
      await engine.stop();
      store.start();
      assert(await store.ready());
      engine.start();
      await delivers("after an unavailable store");
      for (let times = 0; times < 5; times++) {
        log.add(100);
        await delay(300 + 400 * times);
        await engine.stop("SIGKILL");
        engine.start();
      }
      await delivers("after SIGKILL");
      for (let part = 0; part < 4; part++) {
        log.rotate();
        log.add(500);
        await delivers("after rotation");
      }
      for (
        const [signal, rotations] of [["SIGTERM", 2], ["SIGKILL", 1]] as const
      ) {
        await engine.stop(signal);
        for (let part = 0; part < rotations; part++) {
          log.rotate();
          log.add(500);
        }
        engine.start();
        await delivers(`after rotation while it did not run: ${signal}`);
      }
    } finally {
      await engine.stop();
      await store.stop();
    }
  },
);

test(
  ALL,
  "delivers each event through a store that refuses requests, or reports its loss",
  async ({ loss, configured }, directory) => {
    const store = new LogStore(directory);
    await using proxy = new StoreProxy(store);
    const log = new PlainLog(`${directory}/n1`);
    let engine: Engine | undefined;
    try {
      store.start();
      assert(await store.ready());
      // The store has its port.
      const metricsPort = freePort();
      engine = await configured({
        directory,
        storeUrl: proxy.url,
        metricsPort,
      });
      const complete = async () => {
        const isComplete = async () =>
          (await missing(store, log.written)).length === 0;
        await until(isComplete, { timeoutMs: 60_000, everyMs: 500 });
        const lost = await missing(store, log.written);
        assert(lost.length === 0, `${lost}\n${await engine?.log()}`);
      };
      proxy.status = 403;
      log.add(200);
      engine.start();
      await until(() => proxy.refused > 0, { timeoutMs: 20_000 });
      assert(proxy.refused > 0, await engine.log());
      log.add(100);
      await delay(8_000);
      proxy.status = undefined;
      log.rotate();
      log.add(50);
      if (loss === undefined) return await complete();
      const delivered = log.written.slice(-50);
      await until(
        async () => (await missing(store, delivered)).length === 0,
        { timeoutMs: 60_000, everyMs: 500 },
      );
      const lost = await missing(store, log.written);
      assertEquals(lost, log.written.slice(0, 300));
      const metrics = await (await fetch(
        `http://127.0.0.1:${metricsPort}${loss.path}`,
      )).text();
      const [, dropped] = RegExp(`^${loss.metric}{[^}]*} (\\S+)`, "m")
        .exec(metrics) ?? [];
      assertEquals(Number(dropped), lost.length, metrics);
      // The recovery of docs/fleet.md.
      await engine.stop();
      const removed = removeFiles(directory, loss.positions);
      assert(removed > 0);
      engine.start();
      await complete();
    } finally {
      await engine?.stop();
      await store.stop();
    }
  },
);

const IDENTITY = { "node": "n1", "boot_id": "b1" };
const POD = {
  "namespace": "shop",
  "name": "web-0",
  "uid": "u1",
  "container": "app",
};

/** Events, and the fields of their records. */
const MAPPED: readonly (readonly [object, Readonly<Record<string, string>>])[] =
  [
    [{
      "event_type": "oomKill",
      "container_name": "/a",
      "container": {
        "namespace": "containerd",
        "id": "i1",
        "name": "app",
        "image": "registry.example:5000/shop/app:1.27@sha256:ab",
        "aliases": ["i1", "/a"],
        "pod": POD,
      },
      "event_data": {
        "oom": { "pid": 7, "sources": ["kmsg"], "group": false },
      },
    }, {
      "_msg": "oomKill /a",
      "k8s.node.name": "n1",
      "k8s.namespace.name": "shop",
      "k8s.pod.name": "web-0",
      "k8s.pod.uid": "u1",
      "k8s.container.name": "app",
      "container.id": "i1",
      "container.name": "app",
      "container.runtime.name": "containerd",
      "container.image.name": "registry.example:5000/shop/app",
      "container.image.tags": '["1.27"]',
      "container.image.repo_digests":
        '["registry.example:5000/shop/app@sha256:ab"]',
      "event_data.oom.pid": "7",
      "event_data.oom.sources": '["kmsg"]',
      "event_data.oom.group": "false",
      "severity": "ERROR",
    }],
    [{
      "event_type": "containerCreation",
      "container_name": "/system.slice/nginx.service",
      "container": {
        "namespace": "systemd",
        "name": "nginx.service",
        "aliases": [],
      },
      "event_data": {},
    }, {
      "_msg": "containerCreation /system.slice/nginx.service",
      "systemd.unit.name": "nginx.service",
      "severity": "INFO",
    }],
    [{
      "event_type": "containerCreation",
      "container_name": "/p.slice",
      "container": { "pod": { "uid": "u1" } },
      "event_data": {},
    }, {
      "_msg": "containerCreation /p.slice",
      "k8s.node.name": "n1",
      "k8s.pod.uid": "u1",
      "severity": "INFO",
    }],
    [{
      "event_type": "containerDeletion",
      "container_name": "/docker/i2",
      "container": {
        "namespace": "docker",
        "id": "i2",
        "name": "db",
        "image": "registry.example:5000/db",
        "parent": { "id": "i1" },
      },
      "event_data": { "container_deletion": { "exit_code": -1 } },
    }, {
      "_msg": "containerDeletion /docker/i2",
      "container.id": "i2",
      "container.name": "db",
      "container.runtime.name": "docker",
      "container.image.name": "registry.example:5000/db",
      "container.parent.id": "i1",
      "event_data.container_deletion.exit_code": "-1",
      "severity": "INFO",
    }],
    [{
      "event_type": "containerCreation",
      "container_name": "/docker/i3",
      "container": {
        "namespace": "docker",
        "id": "i3",
        "image": "sha256:0123ab",
      },
      "event_data": {},
    }, {
      "_msg": "containerCreation /docker/i3",
      "container.id": "i3",
      "container.runtime.name": "docker",
      "container.image.id": "sha256:0123ab",
      "severity": "INFO",
    }],
    [
      { "event_type": "oom", "container_name": "/", "event_data": {} },
      { "_msg": "oom /", "severity": "WARN" },
    ],
  ];

test(ALL, "names the same attributes, and drops other lines", async (
  follower,
  directory,
) => {
  const store = new LogStore(directory);
  const engine = await follower.configured({
    directory,
    storeUrl: store.url,
  });
  const timestamp = new Date().toISOString();
  await Deno.mkdir(`${directory}/n1`);
  await Deno.writeTextFile(
    `${directory}/n1/events.ndjson`,
    [
      JSON.stringify({
        timestamp,
        "event_type": "checkpoint",
        "container_name": "/",
        ...IDENTITY,
        seq: 0,
      }),
      '{"seq":7,"boot_id":"b1","nod',
      ...MAPPED.map(([event], at) =>
        JSON.stringify({ timestamp, ...event, ...IDENTITY, seq: at + 1 })
      ),
      "",
    ].join("\n"),
  );
  try {
    store.start();
    assert(await store.ready());
    engine.start();
    const stored = () => store.query("* | sort by (seq)");
    const isComplete = async () => (await stored()).length >= MAPPED.length;
    await until(isComplete, { timeoutMs: 30_000, everyMs: 500 });
    await delay(2_000);
    assertEquals(
      (await stored()).map((record) =>
        Object.fromEntries(
          Object.entries(record)
            // Fields that the store or OTLP adds.
            .filter(([name]) =>
              !/^(?:_time|_stream.*|scope[.].*|severity_number)$/.test(name)
            )
            .map(([name, value]) => [name.replace("_text", ""), value]),
        )
      ),
      MAPPED.map(([event, fields], at) => {
        const { event_type: type, container_name: name } = event as WireEvent;
        return {
          ...IDENTITY,
          "event_type": type,
          "container_name": name,
          seq: `${at + 1}`,
          "host.name": "n1",
          "k8s.cluster.name": CLUSTER,
          ...fields,
        };
      }),
    );
  } finally {
    await engine.stop();
    await store.stop();
  }
});

/** Removes files whose path below the directory matches, and returns their number. */
function removeFiles(root: string, regexp: RegExp, below = ""): number {
  let removed = 0;
  for (const { name, isDirectory } of [...Deno.readDirSync(root + below)]) {
    const path = `${below}/${name}`;
    if (isDirectory) {
      removed += removeFiles(root, regexp, path);
    } else if (regexp.test(path)) {
      Deno.removeSync(root + path);
      removed++;
    }
  }
  return removed;
}

/** Returns the events that the store does not have. */
async function missing(
  store: LogStore,
  written: readonly string[],
): Promise<string[]> {
  const stored = await store.query("* | fields node, boot_id, seq");
  const known = new Set(stored.map(identity));
  return written.filter((event) => !known.has(event));
}

/** Copies the configuration, with other paths and ports. The first is passed to the program. */
async function copied(
  program: string,
  files: readonly string[],
  { directory, storeUrl, metricsPort }: EngineOptions,
): Promise<Engine> {
  const { port } = new URL(storeUrl);
  for (const file of files) {
    const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
    await Deno.writeTextFile(
      `${directory}/${file}`,
      text
        .replace("/var/log/cgwatch/", `${directory}/n1/`)
        .replaceAll(
          /[/]var[/]lib[/](?:fluent-bit[/]|vector\b)/g,
          `${directory}/`,
        )
        .replaceAll(
          /( Port +|uri: http:[/]{2}127[.]0[.]0[.]1:)\d+/g,
          `$1${port}`,
        )
        .replace(/(HTTP_Port +)\d+/, `$1${metricsPort}`)
        .replace(
          /(HTTP_Server +)On/,
          metricsPort === undefined ? "$1Off" : "$1On",
        )
        .replace('cluster = ""', `cluster = "${CLUSTER}"`),
    );
  }
  return new Engine(
    program,
    [`--config=${directory}/${files[0]}`],
    `${directory}/${program}.log`,
    { "CGWATCH_CLUSTER": CLUSTER },
  );
}

async function restart(engine: Engine): Promise<void> {
  for (let times = 0; times < 2; times++) {
    await delay(MS / 3);
    await engine.stop();
    await delay(1_000);
    engine.start();
  }
}
