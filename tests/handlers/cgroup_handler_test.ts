import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CgroupHandler,
  type CgroupHandlerOptions,
} from "../../lib/handlers/cgroup_handler.ts";
import type { Hierarchies } from "../../lib/kernfs/cgroup/hierarchy.ts";
import { KernfsSyntaxError } from "../../lib/model/errors.ts";
import { COLUMN } from "../../lib/model/sample.ts";
import { ALL_KINDS, sampleOnce } from "../_support/handler_contract.ts";
import { RecordedTree } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/** A host with one v2 hierarchy and a container. */
function v2Host(): {
  host: TestCgroup;
  cgroup: TestCgroup;
  options: CgroupHandlerOptions;
} {
  const host = TestCgroup.create();
  const cgroup = host.child("cgroup/web");
  const hierarchies: Hierarchies = {
    mode: "unified",
    all: [{
      version: 2,
      controllers: ["cpu", "memory"],
      path: `${host.path}/cgroup`,
    }],
  };
  return {
    host,
    cgroup,
    options: { fs: host.hostFs(), hierarchies, kinds: ALL_KINDS },
  };
}

Deno.test("CgroupHandler reads only enabled kinds", () => {
  using host = new RecordedTree("6.18-hybrid");
  const { fs, hierarchies } = host;
  const name =
    "/docker/f0b5054346d2b7dbd259a72ce0094c0b4a025f355fb40049d338329322f1cf16";
  const handler = new CgroupHandler({ name }, {
    fs,
    hierarchies,
    kinds: new Set(["percpu"]),
  });
  const { cpu, memory, processes } = sampleOnce(handler);
  assertEquals(cpu?.perCpuUsageNs?.length, 2);
  assertEquals(cpu?.pressure, undefined);
  assertEquals(memory?.pressure, undefined);
  assertEquals(processes, undefined);
  assertEquals(handler.spec().processes, undefined);
  assert(handler.builder.layout.groups.every(({ kind }) => kind === "cpu"));
  handler.close();
});

Deno.test("CgroupHandler reads v2's cpu.stat if v1 has no CPU controller", () => {
  using host = TestCgroup.create();
  host.file("systemd/web/tasks", "")
    .file("v2/web/cpu.stat", "usage_usec 7\nuser_usec 3\nsystem_usec 4\n")
    .file("v2/web/memory.current", "4096\n")
    .file("v2/web/pids.current", "2\n");
  const handler = new CgroupHandler({ name: "/web" }, {
    fs: host.hostFs(),
    hierarchies: {
      mode: "hybrid",
      all: [
        {
          version: 1,
          controllers: ["name=systemd"],
          path: `${host.path}/systemd`,
        },
        {
          version: 2,
          controllers: ["memory", "io"],
          path: `${host.path}/v2`,
        },
      ],
    },
    kinds: ALL_KINDS,
  });
  const { cpu, memory, processes } = sampleOnce(handler);
  assertEquals(cpu, { usageNs: 7000, userNs: 3000, systemNs: 4000 });
  assertEquals(memory?.usageBytes, 4096);
  assertEquals(processes, undefined);
  handler.close();
});

Deno.test("CgroupHandler reads the other files if one is malformed, and returns the first error", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  cgroup.file("cpu.stat", "usage_usec x\n")
    .file("memory.current", "y\n")
    .file("memory.peak", "8192\n");
  const handler = new CgroupHandler({ name: "/web" }, options);
  const { error, gone } = handler.sample();
  assertInstanceOf(error, KernfsSyntaxError);
  assertEquals(error.path, `${cgroup.path}/cpu.stat`);
  assertEquals(gone, false);
  assertEquals(handler.builder.row[COLUMN.memoryMaxUsage], 8192);
  assertEquals(handler.builder.row[COLUMN.memoryUsage], NaN);
  handler.close();
});

Deno.test("CgroupHandler.hasUsedCpu() compares the CPU usage with that of the last sample", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  const v1 = host.child("cpuacct/web");
  const legacy: Hierarchies = {
    mode: "legacy",
    all: [{
      version: 1,
      controllers: ["cpuacct"],
      path: `${host.path}/cpuacct`,
    }],
  };
  const write = (usage: number) => {
    cgroup.file("cpu.stat", `usage_usec ${usage}\nuser_usec 0\n`);
    v1.file("cpuacct.usage", `${usage}\n`);
  };
  for (const hierarchies of [options.hierarchies, legacy]) {
    write(5);
    const handler = new CgroupHandler({ name: "/web" }, {
      ...options,
      hierarchies,
    });
    handler.sample();
    assertEquals(handler.hasUsedCpu(), false);
    write(6);
    assertEquals(handler.hasUsedCpu(), true);
    handler.sample();
    assertEquals(handler.hasUsedCpu(), false);
    handler.close();
  }
  const handler = new CgroupHandler({ name: "/none" }, options);
  handler.sample();
  assertEquals(handler.hasUsedCpu(), false);
  handler.close();
});

Deno.test("CgroupHandler clears the values of an earlier sample", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  cgroup.file("memory.events", "oom_kill 1\nhigh 2\n");
  const handler = new CgroupHandler({ name: "/web" }, options);
  handler.sample();
  Deno.writeTextFileSync(`${cgroup.path}/memory.events`, "high 3\n");
  handler.sample();
  assertEquals(handler.builder.row[COLUMN.memoryOomKill], NaN);
  assertEquals(handler.builder.row[COLUMN.memoryHigh], 3);
  handler.close();
});

Deno.test("CgroupHandler.refresh() opens files that were missing", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  cgroup.file("memory.current", "1\n");
  const handler = new CgroupHandler({ name: "/web" }, options);
  handler.sample();
  cgroup.file("memory.peak", "2\n");
  handler.sample();
  assertEquals(handler.builder.row[COLUMN.memoryMaxUsage], NaN);
  handler.refresh();
  handler.sample();
  assertEquals(handler.builder.row[COLUMN.memoryMaxUsage], 2);
  handler.close();
});

Deno.test("CgroupHandler reports once that its cgroup is gone, if none of its files exists", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  const handler = new CgroupHandler({ name: "/web" }, options);
  assertEquals(handler.sample(), { gone: true });
  assertEquals(handler.sample(), { gone: false });
  cgroup.file("memory.current", "1\n");
  handler.refresh();
  assertEquals(handler.sample(), { gone: false });
  handler.close();
  Deno.removeSync(`${cgroup.path}/memory.current`);
  assertEquals(handler.sample(), { gone: true });
  handler.close();
});

Deno.test("CgroupHandler.spec() omits the root's limits if the machine's memory is unknown", () => {
  const { host, options } = v2Host();
  using _ = host;
  assertEquals(new CgroupHandler({ name: "/" }, options).spec().memory, {});
});

Deno.test("CgroupHandler.filesystems() returns the machine's file systems, only for the root and with the kind disk", () => {
  const { host, options } = v2Host();
  using _ = host;
  const filesystems = { at: () => [] };
  const handlerOf = (name: string, kinds: ReadonlySet<string>) =>
    new CgroupHandler({ name }, { ...options, kinds, filesystems });
  const kinds = new Set(["disk"]);
  const root = handlerOf("/", kinds);
  assertEquals(root.filesystems(0), []);
  assertEquals(root.spec().hasFilesystems, true);
  const web = handlerOf("/web", kinds);
  assertEquals(web.filesystems(0), undefined);
  assertEquals(web.spec().hasFilesystems, undefined);
  const without = handlerOf("/", new Set(["cpu"]));
  assertEquals(without.filesystems(0), undefined);
  assertEquals(without.spec().hasFilesystems, undefined);
});

Deno.test("CgroupHandler.close() closes every descriptor, and files can be read again", () => {
  using host = new RecordedTree("6.1-v1-legacy");
  const { fs, hierarchies } = host;
  const name =
    "/docker/9ee92097708adbd71d23583d26b6d685f05320516556aecd1c99f5d97cb71586";
  const handler = new CgroupHandler({ name }, {
    fs,
    hierarchies,
    kinds: ALL_KINDS,
  });
  handler.sample();
  assert(fs.openFiles > 10);
  handler.close();
  assertEquals(fs.openFiles, 0);
  assertEquals(sampleOnce(handler).memory?.usageBytes, 983040);
  handler.close();
});

Deno.test("CgroupHandler reads the container's own network, from the process that the runtime reports", () => {
  const { host, cgroup, options } = v2Host();
  using _ = host;
  const titles = "Inter-|\n face |\n";
  const line = (bytes: number) => `eth0: ${bytes}${" 0".repeat(15)}\n`;
  cgroup.file("cgroup.procs", "7\n8\n");
  host.file("proc/1/net/dev", titles + line(1))
    .file("proc/7/net/dev", titles + line(7))
    .file("proc/8/net/dev", titles + line(8));
  const kinds = new Set(["network"]);
  const received = (more: Partial<CgroupHandlerOptions>, name = "/web") => {
    const handler = new CgroupHandler({ name }, { ...options, kinds, ...more });
    const { network } = sampleOnce(handler);
    const { hasNetwork = false } = handler.spec();
    handler.close();
    assertEquals(hasNetwork, network !== undefined);
    return network?.interfaces?.map(({ rxBytes }) => rxBytes);
  };
  assertEquals(received({}), [7]);
  assertEquals(received({ initPid: () => 8 }), [8]);
  // No runtime reports a process yet.
  assertEquals(received({ initPid: () => undefined }), [7]);
  // Process 1 has the host's network.
  assertEquals(received({ initPid: () => 1 }), undefined);
  assertEquals(received({ reportsNetwork: () => false }), undefined);
  assertEquals(received({ kinds: new Set(["cpu"]) }), undefined);
  assertEquals(received({}, "/"), [1]);
});

Deno.test("CgroupHandler.isComplete() is true once the cgroup exists in every hierarchy with a file to read, or after 250 ms", () => {
  using host = TestCgroup.create();
  const hierarchies: Hierarchies = {
    mode: "legacy",
    all: ["cpu,cpuacct", "memory", "blkio", "freezer"].map((name) => ({
      version: 1,
      controllers: name.split(","),
      path: host.child(name).path,
    })),
  };
  const handler = new CgroupHandler({ name: "/web" }, {
    fs: host.hostFs(),
    hierarchies,
    kinds: new Set(["percpu"]),
  });
  assertEquals(handler.isComplete(0), false);
  host.child("memory/web");
  assertEquals(handler.isComplete(249), false);
  assertEquals(handler.isComplete(250), true);
  host.child("cpu,cpuacct/web");
  assertEquals(handler.isComplete(0), true);
  handler.close();
});
