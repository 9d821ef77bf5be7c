/**
 * Fluent Bit follows the event log of an agent with
 * `scripts/deploy/fluent-bit.conf`, while the log rotates and Fluent Bit is
 * restarted. Requires `fluent-bit` and `victoria-logs` in PATH.
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

const lacking = ["fluent-bit", "victoria-logs"]
  .filter((name) => !hasProgram(name));

Deno.test({
  name: "Fluent Bit delivers each event of a log that rotates" +
    (lacking.length === 0 ? "" : `, skipped: ${lacking.join(", ")} missing`),
  ignore: lacking.length > 0,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "cgwatch-fluent-" });
    const tokenFile = `${directory}/token`;
    await Deno.writeTextFile(tokenFile, "abc\n", { mode: 0o600 });
    const store = new LogStore(directory);
    const node = new FleetNode({ name: "n1", directory, tokenFile });
    const log = `${directory}/fluent-bit.log`;
    const follower = new Engine(
      "fluent-bit",
      [`--config=${directory}/fluent-bit.conf`],
      log,
    );
    try {
      await configure(directory, store);
      store.start();
      assert(await store.ready());
      follower.start();
      await node.start(AGENT);
      await Promise.all([
        churn(node, new SeededRandom(1), {
          ms: MS,
          lifetimes: 120,
          kills: KILLS,
        }),
        restart(follower),
      ]);
      await delay(2_000);
      await node.stop("SIGTERM");
      const { events, parts } = await node.log.read();
      assert(parts > 1);
      let missing: string[] = [];
      await until(async () => {
        const stored = new Set(
          (await store.query("* | fields node, boot_id, seq")).map(identity),
        );
        missing = events.map(identity).filter((event) => !stored.has(event));
        return missing.length === 0;
      }, { timeoutMs: 60_000, everyMs: 500 });
      assertEquals(missing, [], await Deno.readTextFile(log));
      const kills = await store.query(
        'event_type:="oomKill" severity:="ERROR" host.name:="n1" k8s.namespace.name:="shop" container.runtime:="containerd" | uniq by (node, boot_id, seq)',
      );
      assertEquals(kills.length, KILLS);
    } finally {
      await follower.stop();
      await node.stop("SIGKILL");
      await store.stop();
      node.remove();
      await Deno.remove(directory, { recursive: true });
    }
  },
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

Deno.test({
  name:
    "Fluent Bit delivers each event through an unavailable store, SIGKILL, and rotation while it does not run" +
    (lacking.length === 0 ? "" : `, skipped: ${lacking.join(", ")} missing`),
  ignore: lacking.length > 0,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "cgwatch-fluent-" });
    const store = new LogStore(directory);
    const log = new PlainLog(`${directory}/n1`);
    const follower = new Engine(
      "fluent-bit",
      [`--config=${directory}/fluent-bit.conf`],
      `${directory}/fluent-bit.log`,
    );
    const missing = async () => {
      const stored = new Set(
        (await store.query("* | fields node, boot_id, seq")).map(identity),
      );
      return log.written.filter((event) => !stored.has(event));
    };
    const isComplete = async () => (await missing()).length === 0;
    const delivers = async (when: string) => {
      await until(isComplete, { timeoutMs: 60_000, everyMs: 500 });
      assertEquals(await missing(), [], when);
    };
    try {
      await configure(directory, store);
      // It has read the lines, and cannot send them.
      log.add(200);
      follower.start();
      await delay(5_000);
      await follower.stop();
      store.start();
      assert(await store.ready());
      follower.start();
      await delivers("after an unavailable store");
      for (let times = 0; times < 5; times++) {
        log.add(100);
        await delay(300 + 400 * times);
        await follower.stop("SIGKILL");
        follower.start();
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
        await follower.stop(signal);
        for (let part = 0; part < rotations; part++) {
          log.rotate();
          log.add(500);
        }
        follower.start();
        await delivers(`after rotation while it did not run: ${signal}`);
      }
    } finally {
      await follower.stop();
      await store.stop();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

/** Replaces the paths and the address of the configuration. */
async function configure(directory: string, store: LogStore): Promise<void> {
  const { port } = new URL(store.logsUrl);
  const config = await Deno.readTextFile(`${DEPLOY}/fluent-bit.conf`);
  await Deno.writeTextFile(
    `${directory}/fluent-bit.conf`,
    config
      .replace("/var/log/cgwatch/", `${directory}/n1/`)
      .replaceAll("/var/lib/fluent-bit/", `${directory}/`)
      .replace(/(Port +)\d+/, `$1${port}`),
  );
  await Deno.copyFile(
    `${DEPLOY}/fluent-bit-parsers.conf`,
    `${directory}/fluent-bit-parsers.conf`,
  );
}

async function restart(follower: Engine): Promise<void> {
  for (let times = 0; times < 2; times++) {
    await delay(MS / 3);
    await follower.stop();
    await delay(1_000);
    follower.start();
  }
}
