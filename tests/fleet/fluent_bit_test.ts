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

/** Replaces the paths and the address of the configuration. */
async function configure(directory: string, store: LogStore): Promise<void> {
  const { port } = new URL(store.logsUrl);
  const config = await Deno.readTextFile(`${DEPLOY}/fluent-bit.conf`);
  await Deno.writeTextFile(
    `${directory}/fluent-bit.conf`,
    config
      .replace("/var/log/cgwatch/", `${directory}/n1/`)
      .replace("/var/lib/fluent-bit/", `${directory}/`)
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
