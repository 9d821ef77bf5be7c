import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AGENT, AgentProcess, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

/** A user namespace has its own watch limit and no permission for the kernel log. */
const IN_NAMESPACE = [
  "-Ur",
  "sh",
  "-c",
  'echo 5 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"',
];

async function canUnshare(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("unshare", {
      args: [...IN_NAMESPACE, "true"],
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

Deno.test({
  name:
    "agent scans cgroups at inotify's limit, reports it, and detects every lifetime of 250 ms",
  ignore: !CAN_MAKE_CGROUPS || !await canUnshare(),
  async fn() {
    await using cgroups = new TestCgroups("poll");
    const agent = await AgentProcess.start(["--event-log=none"], {}, [
      "unshare",
      ...IN_NAMESPACE,
      AGENT,
    ]);
    try {
      const source = async (name: string) => {
        const { ready, sources } = await agent.json("/readyz");
        assertEquals(ready, true);
        return sources.find((source: WireEvent) => source.name === name);
      };
      // Hierarchies after the first are watched once it is quiet.
      assert(
        await until(async () => (await source("cgroups")).state === "degraded"),
      );
      const { detail } = await source("cgroups");
      assertStringIncludes(detail, "watch limit");
      const kmsg = await source("kmsg");
      assertEquals(kmsg.state, "degraded");
      assertStringIncludes(kmsg.detail, "not permitted");
      const name = cgroups.make("/a/b");
      assert(await until(async () => (await agent.names(name)).length === 1));
      cgroups.remove("/a/b");
      assert(await until(async () => (await agent.names(name)).length === 0));
      const events: WireEvent[] = await agent.json(
        `/api/v1.3/events${name}?all_events=true`,
      );
      assertEquals(events.map((event) => event.event_type).toSorted(), [
        "containerCreation",
        "containerDeletion",
      ]);
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
    }
  },
});
