import { assert, assertEquals, assertGreater } from "@std/assert";
import { parentOf } from "../../lib/model/cgroup.ts";
import { RecordedTree, RECORDING_NAMES } from "../_support/recorded_tree.ts";
import { AgentProcess, delay, readEvents, until } from "./_agent.ts";

for (const name of RECORDING_NAMES) {
  Deno.test(`agent serves the recorded host ${name} under --root`, async () => {
    using recorded = new RecordedTree(name);
    const agent = await AgentProcess.start([
      `--root=${recorded.fs.root}`,
      "--event-log=none",
      "--kmsg=none",
    ]);
    try {
      const names = await agent.names("/");
      const container = names.find((name) => /docker.*[0-9a-f]{64}/.test(name));
      const url = `/api/v2.1/stats${container}?max_age=0s`;
      const { spec, stats: [latest] } =
        (await agent.json(url))[container ?? ""];
      assertGreater(latest.cpu.usage.total, 0);
      assertGreater(latest.memory.usage, 0);
      assertGreater(latest.processes.threads_current, 0);
      assertEquals(spec.memory.limit, 33_554_432);
      assertEquals(latest.cpu.psi !== undefined, name !== "6.1-v1-legacy");
      // The hybrid host's kernel counted no disk I/O before a limit was set.
      assertEquals(
        latest.diskio.io_service_bytes !== undefined,
        name !== "6.18-hybrid",
      );
    } finally {
      await agent.stop();
    }
  });
}

/**
 * Increments the kill counters as a v2 kernel does: the node's, the cgroup's,
 * and those of its ancestors.
 */
function countKills(root: string, name: string, count: number): void {
  const vmstat = `${root}/proc/vmstat`;
  const before = Number(
    /^oom_kill (\d+)$/m.exec(Deno.readTextFileSync(vmstat))?.[1],
  );
  Deno.writeTextFileSync(vmstat, `oom_kill ${before + count}\n`);
  for (let at = name; at !== "/"; at = parentOf(at)) {
    const own = at === name ? ["memory.events.local"] : [];
    for (const file of ["memory.events", ...own]) {
      const path = `${root}/sys/fs/cgroup${at}/${file}`;
      const text = Deno.readTextFileSync(path)
        .replace(
          /^oom_kill (\d+)$/m,
          (_, n) => `oom_kill ${Number(n) + count}`,
        );
      Deno.writeTextFileSync(path, text);
    }
  }
}

Deno.test("agent without the kernel log reports counted kills, also of a removed container", async () => {
  using recorded = new RecordedTree("6.1-v2");
  const { root } = recorded.fs;
  await Deno.writeTextFile(`${root}/proc/vmstat`, "oom_kill 0\n");
  const dir = await Deno.makeTempDir();
  const log = `${dir}/events.ndjson`;
  const agent = await AgentProcess.start([
    `--root=${root}`,
    `--event-log=${log}`,
    "--kmsg=none",
  ]);
  try {
    const names = await agent.names("/");
    const container = names.find((name) => name.includes("docker-")) ?? "";
    // In the container, twice at the same time; in its slice; in the container again, which is
    // removed immediately afterwards.
    countKills(root, container, 2);
    const kills = async () =>
      (await readEvents(log)).filter((event) => event.event_type === "oomKill");
    assert(await until(async () => (await kills()).length === 2));
    countKills(root, "/system.slice", 1);
    assert(await until(async () => (await kills()).length === 3));
    countKills(root, container, 1);
    await Deno.remove(`${root}/sys/fs/cgroup${container}`, { recursive: true });
    assert(await until(async () => (await kills()).length === 4));
    for (const name of ["one", "two"]) {
      // The kernel creates a cgroup together with its files.
      await Deno.mkdir(`${dir}/${name}`);
      for (const file of ["memory.events", "memory.events.local"]) {
        await Deno.writeTextFile(
          `${dir}/${name}/${file}`,
          "oom 0\noom_kill 0\n",
        );
      }
      await Deno.rename(
        `${dir}/${name}`,
        `${root}/sys/fs/cgroup/system.slice/${name}`,
      );
    }
    assert(
      await until(async () =>
        (await agent.names("/system.slice")).length === 3
      ),
    );
    countKills(root, "/system.slice/two", 1);
    await Promise.all(
      ["one", "two"].map((name) =>
        Deno.remove(`${root}/sys/fs/cgroup/system.slice/${name}`, {
          recursive: true,
        })
      ),
    );
    assert(await until(async () => (await kills()).length === 5));
    await delay(1_000);
    const reported = (await kills()).map((
      { container_name: name, event_data: { oom } },
    ) => [
      name,
      oom.victim_cgroup,
      ...oom.sources,
      oom.attribution,
    ]);
    const local = [container, container, "memory.events.local", "inferred"];
    const node = ["/", undefined, "vmstat", "inferred"];
    assertEquals(reported.slice(0, 3), [
      local,
      local,
      ["/system.slice", "/system.slice", "memory.events.local", "inferred"],
    ]);
    // The container is named only if its counter was read before its removal.
    assertEquals(reported[3], reported[3]?.[0] === "/" ? node : local);
    const last = reported[4]?.[0] === "/" ? node : [
      "/system.slice/two",
      "/system.slice/two",
      "memory.events.local",
      "inferred",
    ];
    assertEquals(reported[4], last);
  } finally {
    await agent.stop();
    await Deno.remove(dir, { recursive: true });
  }
});
