import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  AgentProcess,
  delay,
  readEvents,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_OOM, TestCgroups, untilOomsAreNamed } from "./_cgroups.ts";

Deno.test({
  name: "agent reports a process that the kernel kills at a memory limit",
  ignore: !CAN_OOM,
  async fn() {
    await untilOomsAreNamed();
    await using cgroups = new TestCgroups("oom");
    const dir = await Deno.makeTempDir();
    const log = `${dir}/events.ndjson`;
    const agent = await AgentProcess.start([`--event-log=${log}`]);
    const streamed: WireEvent[] = [];
    const stream = new AbortController();
    try {
      await agent.follow(
        "oom_events=true&oom_kill_events=true&subcontainers=true",
        streamed,
        stream.signal,
      );
      for (let i = 0; i < 5; i++) {
        const name = cgroups.make(`/${i}/leaf`, ["memory"]);
        const pid = await cgroups.oom(`/${i}/leaf`);
        assert(
          await until(() =>
            streamed.some((event) => event.event_data.oom.pid === pid)
          ),
          `the kill of ${pid} is not in the stream`,
        );
        const [oom, kill] = streamed.filter((event) =>
          event.container_name === name
        );
        assertEquals(oom.event_type, "oom");
        assertEquals(oom.container_name, name);
        assertEquals(kill.event_type, "oomKill");
        assertEquals(kill.container_name, name);
        const details = kill.event_data.oom;
        assertEquals(details.process_name, "tail");
        assertEquals(details.constraint, "CONSTRAINT_MEMCG");
        assertEquals(details.scope, "cgroup");
        assertEquals(details.limit_cgroup, name);
        assertEquals(details.victim_cgroup, name);
        assertEquals(details.attribution, "exact");
        assertEquals(details.historical, false);
        assertEquals(details.incident, oom.event_data.oom.incident);
        assertGreater(details.anon_rss_bytes, 8 * 2 ** 20);
        assertGreater(details.total_vm_bytes, details.anon_rss_bytes);
        assertEquals(details.anon_rss_bytes % 1024, 0);
        const logged = (await readEvents(log)).filter((event) =>
          event.event_data.oom?.pid === pid
        );
        assertEquals(logged.length, 1);
      }
    } finally {
      stream.abort();
      assertEquals((await agent.stop()).code, 0, agent.stderr);
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test({
  name: "agent reports both cgroups if a parent's limit kills in its child",
  ignore: !CAN_OOM,
  async fn() {
    await untilOomsAreNamed();
    await using cgroups = new TestCgroups("oom-parent");
    const agent = await AgentProcess.start(["--event-log=none"]);
    try {
      const parent = cgroups.make("/parent", ["memory"]);
      const child = cgroups.make("/parent/child", ["memory"]);
      cgroups.write("/parent", "memory", "memory.limit_in_bytes", "16777216");
      const victim = cgroups.spawn("/parent/child", "exec tail /dev/zero", [
        "memory",
      ]);
      await victim.status;
      const find = async () => {
        const events: WireEvent[] = await agent.json("/api/v1.3/events");
        return events.filter(({ event_data: { oom } }) =>
          oom?.limit_cgroup === parent
        );
      };
      assert(await until(async () => (await find()).length === 2));
      const [oom, kill] = await find();
      assertEquals(oom.container_name, child);
      assertEquals(kill.container_name, parent);
      assertEquals(kill.event_data.oom.victim_cgroup, child);
      assertEquals(kill.event_data.oom.pid, victim.pid);
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name: "agent ignores a line that a program wrote to the kernel log",
  ignore: !CAN_OOM,
  async fn() {
    const agent = await AgentProcess.start(["--event-log=none"]);
    try {
      const lines = [
        "tail invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/forged,task_memcg=/forged,task=tail,pid=4242,uid=0",
        "Memory cgroup out of memory: Killed process 4242 (tail) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0",
      ];
      for (const line of lines) {
        Deno.writeTextFileSync("/dev/kmsg", line);
        // A kernel facility, which the kernel replaces for writers in user space.
        Deno.writeTextFileSync("/dev/kmsg", `<3>${line}`);
      }
      await delay(500);
      const events: WireEvent[] = await agent.json("/api/v1.3/events");
      const forged = events.filter(({ event_data: { oom } }) =>
        oom?.pid === 4242 || oom?.limit_cgroup === "/forged"
      );
      assertEquals(forged, []);
    } finally {
      await agent.stop();
    }
  },
});
