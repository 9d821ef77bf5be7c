/**
 * Fluent Bit and Vector follow the event log of an agent with their
 * configurations in `scripts/deploy`, while the log rotates and they are
 * restarted. Requires `victoria-logs`, and `fluent-bit` or `vector`, in PATH.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AGENT, delay, until } from "../e2e/_agent.ts";
import { hasProgram } from "../e2e/_programs.ts";
import { DEPLOY } from "../_support/deploy_queries.ts";
import { SeededRandom } from "../_support/random.ts";
import { identity } from "./_checks.ts";
import { Engine, LogStore } from "./_engines.ts";
import { churn, FleetNode } from "./_node.ts";

const MS = 20_000;
const KILLS = 6;

interface Follower {
  readonly name: string;
  readonly program: string;
  /** In `scripts/deploy`; the first is passed to the program. */
  readonly files: readonly string[];
  /** Directory of the state. */
  readonly stateDirectory: string;
  /** Port of the store in the first file. */
  readonly portRegexp: RegExp;
}

const FOLLOWERS: readonly Follower[] = [
  {
    name: "Fluent Bit",
    program: "fluent-bit",
    files: ["fluent-bit.conf", "fluent-bit-parsers.conf"],
    stateDirectory: "/var/lib/fluent-bit/",
    portRegexp: /(Port +)\d+/,
  },
  {
    name: "Vector",
    program: "vector",
    files: ["vector.yaml"],
    stateDirectory: "/var/lib/vector",
    portRegexp: /(uri: http:\/\/127.0.0.1:)\d+/,
  },
];

/** Starts a test for each program. */
function test(
  what: string,
  fn: (follower: Follower, directory: string) => Promise<void>,
): void {
  for (const follower of FOLLOWERS) {
    const lacking = [follower.program, "victoria-logs"]
      .filter((name) => !hasProgram(name));
    Deno.test({
      name: `${follower.name} delivers each event ${what}` +
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

test("of a log that rotates", async (follower, directory) => {
  const tokenFile = `${directory}/token`;
  await Deno.writeTextFile(tokenFile, "abc\n", { mode: 0o600 });
  const store = new LogStore(directory);
  const engine = await configured(follower, directory, store);
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
    const isComplete = async () => (await missing(store, written)).length === 0;
    await until(isComplete, { timeoutMs: 60_000, everyMs: 500 });
    const lost = await missing(store, written);
    assert(lost.length === 0, `${lost}\n${await engine.log()}`);
    const kills = await store.query(
      'event_type:="oomKill" severity:="ERROR" host.name:="n1" k8s.namespace.name:="shop" container.runtime:="containerd" | uniq by (node, boot_id, seq)',
    );
    assertEquals(kills.length, KILLS);
  } finally {
    await engine.stop();
    await node.stop("SIGKILL");
    await store.stop();
    node.remove();
  }
});

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
  "through an unavailable store, SIGKILL, and rotation while it does not run",
  async (follower, directory) => {
    const store = new LogStore(directory);
    const engine = await configured(follower, directory, store);
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

/** Returns the events that the store does not have. */
async function missing(
  store: LogStore,
  written: readonly string[],
): Promise<string[]> {
  const stored = await store.query("* | fields node, boot_id, seq");
  const known = new Set(stored.map(identity));
  return written.filter((event) => !known.has(event));
}

/** Copies the configuration, with other paths and another port of the store. */
async function configured(
  { program, files, stateDirectory, portRegexp }: Follower,
  directory: string,
  store: LogStore,
): Promise<Engine> {
  const { port } = new URL(store.logsUrl);
  for (const file of files) {
    const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
    await Deno.writeTextFile(
      `${directory}/${file}`,
      text
        .replace("/var/log/cgwatch/", `${directory}/n1/`)
        .replaceAll(stateDirectory, `${directory}/`)
        .replace(portRegexp, `$1${port}`),
    );
  }
  return new Engine(
    program,
    [`--config=${directory}/${files[0]}`],
    `${directory}/${program}.log`,
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
