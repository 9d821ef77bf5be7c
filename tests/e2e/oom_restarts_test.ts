/**
 * Kills continue while the agent is restarted several times, alternately with
 * SIGTERM and SIGKILL: each process is reported once. `CGWATCH_OOM_KILLS` and
 * `CGWATCH_OOM_RESTARTS` set the numbers, by default 200 and 6.
 *
 * Other kills on the machine are harmless: they are in the same log and
 * counter.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  AgentProcess,
  delay,
  readEvents,
  readLines,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_OOM, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

const KILLS = Number(Deno.env.get("CGWATCH_OOM_KILLS") ?? 200);
const RESTARTS = Number(Deno.env.get("CGWATCH_OOM_RESTARTS") ?? 6);
const CONTAINERS = 4;
const LIMIT_BYTES = 4 * 2 ** 20;

const [CONTROLLER, LIMIT_FILE, COUNT_FILE] = HIERARCHIES.has("memory")
  ? ["memory", "memory.limit_in_bytes", "memory.oom_control"]
  : ["unified", "memory.max", "memory.events.local"];

function nodeKills(): number {
  const text = Deno.readTextFileSync("/proc/vmstat");
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1]);
}

function isKill({ event_type: type }: WireEvent): boolean {
  return type === "oomKill";
}

Deno.test({
  name:
    `agent reports each of ${KILLS} kills once through ${RESTARTS} restarts, half of them by SIGKILL`,
  ignore: !CAN_OOM,
  async fn() {
    await using cgroups = new TestCgroups("restarts");
    const dir = await Deno.makeTempDir({ prefix: "cgwatch-restarts-" });
    const log = `${dir}/events.ndjson`;
    const args = [`--event-log=${log}`, "--event-log-sync=always"];
    let agent = await AgentProcess.start(args);
    try {
      // Before that, it has not determined the number of earlier kills.
      await delay(4_000);
      let isDone = false;
      const killing = Promise.all(
        Array.from({ length: CONTAINERS }, async (_, at) => {
          cgroups.make(`/c${at}`, [CONTROLLER]);
          cgroups.write(`/c${at}`, CONTROLLER, LIMIT_FILE, `${LIMIT_BYTES}`);
          await cgroups.spawn(
            `/c${at}`,
            `for k in $(seq ${KILLS / CONTAINERS}); do
               sh -c 'echo $$ >>${dir}/pids${at}; exec tail /dev/zero'
               sleep 0.0$((k % 7))
             done`,
            [CONTROLLER],
          ).status;
        }),
      ).then(() => isDone = true);
      const before = (await readEvents(log)).filter(isKill).length;
      const share = KILLS / (RESTARTS + 1);
      for (let restart = 0; restart < RESTARTS; restart++) {
        const wanted = before + (restart + 1) * share;
        await until(
          async () =>
            isDone || (await readEvents(log)).filter(isKill).length >= wanted,
          { timeoutMs: 120_000, everyMs: 50 },
        );
        await agent.stop(restart % 2 === 0 ? "SIGKILL" : "SIGTERM");
        if (restart % 3 === 0) await delay(500);
        agent = await AgentProcess.start(args);
      }
      await killing;
      const pids: number[] = [];
      let counted = 0;
      for (let at = 0; at < CONTAINERS; at++) {
        const count = cgroups.read(`/c${at}`, CONTROLLER, COUNT_FILE);
        counted += Number(/^oom_kill (\d+)$/m.exec(count)?.[1]);
        const killed = await Deno.readTextFile(`${dir}/pids${at}`);
        pids.push(...killed.trim().split("\n").map(Number));
      }
      assertEquals(counted, pids.length);
      await until(
        async () =>
          (await readEvents(log)).filter(isKill).at(-1)?.event_data.oom
            .node_oom_kills >= nodeKills(),
        { everyMs: 200 },
      );
      await delay(3_000);
      const kills = (await readEvents(log)).filter(isKill)
        .map(({ event_data: { oom } }) => oom);
      const ours = new Set(pids);
      const reported = kills.filter(({ pid }) => ours.has(pid));
      // Records may be lost because of another test's kills; those kills are inferred.
      const inferred = kills.filter(({ pid }) => pid === undefined).length;
      assertEquals(
        new Set(reported.map(({ pid }) => pid)).size,
        reported.length,
      );
      assertLessOrEqual(pids.length - reported.length, inferred);
      const records = kills.flatMap(({ kmsg_seq: record }) => record ?? []);
      assertEquals(new Set(records).size, records.length);
      for (const { victim_cgroup: name, pid } of reported) {
        assert(
          name === undefined || name.startsWith(`${cgroups.name}/`),
          `${pid}: ${name}`,
        );
      }
      // Each event covers one unit of the node's counter, and none is missing.
      const units = kills.flatMap(({ node_oom_kills: unit }) => unit ?? []);
      const first = units[0] ?? 0;
      assertEquals(units, units.map((_, i) => first + i));
      await agent.stop();
      const { checkpoint } = (await readLines(log)).at(-1).event_data;
      assertLessOrEqual(units.at(-1) ?? 0, checkpoint.node_oom_kills);
      assertLessOrEqual(checkpoint.node_oom_kills, nodeKills());
    } finally {
      await agent.stop();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
