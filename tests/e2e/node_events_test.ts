import { assert, assertEquals } from "@std/assert";
import { KMSG_DIR } from "../_support/kmsg_log.ts";
import { RecordedTree } from "../_support/recorded_tree.ts";
import { AgentProcess, until, type WireEvent } from "./_agent.ts";

const HOST_OOM = Deno.readTextFileSync(
  new URL("6.1-global-container.kmsg", KMSG_DIR),
);
/** Less than a day: older events are not stored. */
const UPTIME_SECONDS = 10_000;

/** The same host OOM with a current timestamp and another process. */
const HOST_OOM_NOW = HOST_OOM
  .replaceAll(/\b124\b/g, "125")
  .replaceAll(
    /^(\d+),(\d+),(\d+),/gm,
    (_, level, sequence, usec) =>
      `${level},${Number(sequence) + 1_000},${
        Number(usec) + UPTIME_SECONDS * 1e6
      },`,
  );

for (const isOn of [false, true]) {
  const flags = isOn ? ["--node-events"] : [];
  const what = isOn
    ? "with --node-events writes the kubelet's event of a host OOM that comes, not of one of the past"
    : "without --node-events writes none";
  Deno.test(`agent ${what}`, async () => {
    using recorded = new RecordedTree("6.1-v2");
    const { root } = recorded;
    const kmsg = `${root.path}/kmsg`;
    root.file("proc/uptime", `${UPTIME_SECONDS}.00 0.00\n`)
      .file("kmsg", HOST_OOM);
    const agent = await AgentProcess.start([
      `--root=${root.path}`,
      `--kmsg=${kmsg}`,
      "--event-log=none",
      ...flags,
    ]);
    try {
      const killsAre = (count: number) =>
        until(async () => (await eventsOf(agent, "oomKill")).length === count);
      assert(await killsAre(1));
      await Deno.writeTextFile(kmsg, HOST_OOM_NOW, { append: true });
      assert(await killsAre(2));
      const kills = await eventsOf(agent, "oomKill");
      assertEquals(
        kills.map(({ event_data: { oom } }) => [oom.historical, oom.scope]),
        [[true, "host"], [false, "host"]],
      );
      const reported = await eventsOf(agent, "nodeEvent");
      assertEquals(
        reported.map(({ event_data }) => event_data),
        isOn
          ? [{
            node_event: {
              reason: "SystemOOM",
              message:
                "System OOM encountered, victim process: busybox, pid: 125",
              type: "Warning",
            },
          }]
          : [],
      );
    } finally {
      await agent.stop();
    }
  });
}

async function eventsOf(
  agent: AgentProcess,
  type: string,
): Promise<WireEvent[]> {
  const events: WireEvent[] = await agent.json("/api/v1.3/events");
  return events.filter((event) => event.event_type === type);
}
