import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
} from "@std/assert";
import { AgentProcess, delay, until } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

Deno.test({
  name: "agent's values of a busy cgroup agree with the kernel's files",
  ignore: !CAN_MAKE_CGROUPS || !HIERARCHIES.has("memory"),
  async fn() {
    await using cgroups = new TestCgroups("busy");
    const agent = await AgentProcess.start(["--event-log=none"]);
    try {
      const name = cgroups.make("/busy");
      cgroups.write("/busy", "cpu", "cpu.cfs_quota_us", "30000");
      cgroups.write("/busy", "memory", "memory.limit_in_bytes", "268435456");
      const child = cgroups.spawn(
        "/busy",
        `dd if=/dev/zero of=/dev/null bs=4M & sleep 60 & while :; do :; done`,
      );
      await delay(1500);
      const url = `/api/v2.1/stats${name}?max_age=0s`;
      const read = (controller: string, file: string) =>
        Number(cgroups.read("/busy", controller, file));
      const stat = (controller: string, file: string, key: string) =>
        Number(
          new RegExp(`^${key} (\\d+)$`, "m").exec(
            cgroups.read("/busy", controller, file),
          )?.[1],
        );
      const before = {
        cpu: read("cpuacct", "cpuacct.usage"),
        user: stat("cpuacct", "cpuacct.stat", "user") * 1e7,
        periods: stat("cpu", "cpu.stat", "nr_periods"),
        throttled: stat("cpu", "cpu.stat", "throttled_time"),
        faults: stat("memory", "memory.stat", "total_pgfault"),
      };
      const response = await agent.json(url);
      const { spec, stats } = response[name];
      const latest = stats.at(-1);
      const within = (value: number, low: number, high: number) =>
        assert(low <= value && value <= high, `${low} ${value} ${high}`);
      within(
        latest.cpu.usage.total,
        before.cpu,
        read("cpuacct", "cpuacct.usage"),
      );
      within(
        latest.cpu.usage.user,
        before.user,
        stat("cpuacct", "cpuacct.stat", "user") * 1e7,
      );
      within(
        latest.cpu.cfs.periods,
        before.periods,
        stat("cpu", "cpu.stat", "nr_periods"),
      );
      within(
        latest.cpu.cfs.throttled_time,
        before.throttled,
        stat("cpu", "cpu.stat", "throttled_time"),
      );
      within(
        latest.memory.container_data.pgfault,
        before.faults,
        stat("memory", "memory.stat", "total_pgfault"),
      );
      assertAlmostEquals(
        latest.memory.usage,
        read("memory", "memory.usage_in_bytes"),
        4 * 2 ** 20,
      );
      assertAlmostEquals(
        latest.memory.rss,
        stat("memory", "memory.stat", "total_rss"),
        2 * 2 ** 20,
      );
      assertEquals(
        latest.memory.working_set,
        Math.max(0, latest.memory.usage - latest.memory.total_inactive_file),
      );
      assertEquals(latest.processes.process_count, 3);
      assertEquals(
        latest.processes.threads_current,
        read("pids", "pids.current"),
      );
      assertEquals(spec.cpu.quota, 30_000);
      assertEquals(spec.cpu.period, 100_000);
      assertEquals(spec.memory.limit, 268_435_456);
      // 30 % of one CPU, independent of other load.
      const rates = stats.map((sample: typeof latest) =>
        sample.cpu_inst?.usage.total ?? 0
      );
      assertGreater(Math.max(...rates), 50_000_000);
      child.kill("SIGKILL");
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name: "agent exports a limit in /metrics immediately after it is set",
  ignore: !CAN_MAKE_CGROUPS || !HIERARCHIES.has("memory"),
  async fn() {
    await using cgroups = new TestCgroups("limits");
    const name = cgroups.make("/set");
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--housekeeping-interval=1h",
    ]);
    try {
      const series = `container_spec_memory_limit_bytes{id="${name}"}`;
      const limit = async () => {
        const text = await (await fetch(`${agent.url}/metrics`)).text();
        return text.split("\n").find((line) => line.startsWith(series))
          ?.slice(series.length + 1);
      };
      assertEquals(await limit(), "0");
      for (const bytes of ["67108864", "33554432"]) {
        cgroups.write("/set", "memory", "memory.limit_in_bytes", bytes);
        assert(await until(async () => await limit() === bytes));
      }
    } finally {
      await agent.stop();
    }
  },
});
