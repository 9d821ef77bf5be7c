import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ProcessList } from "../../lib/manager/process_list.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/** A host with a `/proc` of files. */
class Host implements Disposable {
  readonly root = TestCgroup.create();
  readonly list: ProcessList;

  constructor() {
    this.root
      .file("proc/uptime", "1000.00 900.00\n")
      .file("proc/meminfo", "MemTotal:       1000 kB\n")
      .file("proc/sys/kernel/x", "")
      .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    this.list = new ProcessList(this.root.hostFs(), systemClock);
  }

  process(
    pid: number,
    cgroup: string,
    { uid = 0, name = "sh", cmdline = "sh\0-c\0true\0", fds = 3 } = {},
  ): this {
    const fields = Array.from({ length: 50 }, () => "0");
    const set = (field: number, value: string | number) =>
      fields[field - 3] = `${value}`;
    set(3, "S");
    set(4, 1);
    set(8, -1);
    set(14, 4000);
    set(15, 1000);
    set(20, 2);
    set(22, 90_000);
    set(23, 8192);
    set(24, 100);
    set(39, 1);
    const proc = `proc/${pid}`;
    this.root
      .file(`${proc}/stat`, `${pid} (${name}) ${fields.join(" ")}\n`)
      .file(`${proc}/status`, `Uid:\t0\t${uid}\t0\t0\nVmRSS:\t100 kB\n`)
      .file(`${proc}/cgroup`, `0::${cgroup}\n`)
      .file(`${proc}/cmdline`, cmdline);
    for (let fd = 0; fd < fds; fd++) this.root.file(`${proc}/fd/${fd}`, "");
    return this;
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

Deno.test("ProcessList.read() returns the kernel's data of each process", async () => {
  using host = new Host();
  host.process(7, "/web");
  const nowMs = Date.now();
  const [info] = await host.list.read("/web");
  assert(info !== undefined);
  // The size of a directory of plain files is not the number of its entries.
  const { startTimeMs, cpuPercent, fdCount: _, ...others } = info;
  assertEquals(Math.round((nowMs - startTimeMs) / 1000), 100);
  assertEquals(Math.round(cpuPercent), 50);
  assertEquals(others, {
    user: "root",
    pid: 7,
    parentPid: 1,
    memoryPercent: 10,
    rssBytes: 102_400,
    virtualBytes: 8192,
    status: "Sl",
    runningTimeMs: 50_000,
    cgroup: "/web",
    command: "sh",
    processor: 1,
  });
});

Deno.test("ProcessList.read() returns the processes of one cgroup without its descendants, and all for the root", async () => {
  using host = new Host();
  host.process(100, "/web").process(20, "/web/a").process(3, "/")
    .process(4, "/webx");
  const pids = async (name: string) =>
    (await host.list.read(name)).map(({ pid }) => pid);
  assertEquals(await pids("/web"), [100]);
  assertEquals(await pids("/"), [3, 4, 20, 100]);
  assertEquals(await pids("/none"), []);
});

Deno.test("ProcessList.read() returns command lines only on request, and names if there are none", async () => {
  using host = new Host();
  host.process(1, "/").process(2, "/", { cmdline: "", name: "kthreadd" });
  const commands = async (commandLines: boolean) =>
    (await host.list.read("/", { commandLines })).map(({ command }) => command);
  assertEquals(await commands(false), ["sh", "kthreadd"]);
  assertEquals(await commands(true), ["sh -c true", "kthreadd"]);
});

Deno.test("ProcessList.read() numbers a user without a name, and leaves out what it cannot read", async () => {
  using host = new Host();
  host.process(1, "/", { uid: 4_000_000 }).process(2, "/").process(3, "/");
  host.root.file("proc/2/stat", "nonsense");
  await Deno.remove(`${host.root.hostFs().root}/proc/3/status`);
  const found = await host.list.read("/");
  assertEquals(found.map(({ user, pid }) => [user, pid]), [["4000000", 1]]);
});

Deno.test("ProcessList.read() reads once for concurrent calls for the same cgroup", async () => {
  using host = new Host();
  host.process(1, "/");
  const [first, second, other] = await Promise.all([
    host.list.read("/"),
    host.list.read("/"),
    host.list.read("/", { commandLines: true }),
  ]);
  assertStrictEquals(first, second);
  assertEquals(other[0]?.command, "sh -c true");
  host.process(2, "/");
  assertEquals((await host.list.read("/")).length, 2);
});
