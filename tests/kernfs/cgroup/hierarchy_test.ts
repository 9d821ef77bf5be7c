import { assert, assertEquals, assertThrows } from "@std/assert";
import { findHierarchies } from "../../../lib/kernfs/cgroup/hierarchy.ts";
import { HostFs } from "../../../lib/kernfs/host_fs.ts";
import { RecordedTree } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

const CGROUP = "sys/fs/cgroup";

/** Returns a line of mountinfo. */
function mountLine(
  mountPoint: string,
  type: "cgroup" | "cgroup2",
  options: string,
  root = "/",
): string {
  return `1 0 0:1 ${root} /${mountPoint} rw - ${type} ${type} rw,${options}\n`;
}

Deno.test("findHierarchies() finds the only hierarchy of a recorded v2 host", () => {
  using host = new RecordedTree("6.1-v2");
  assertEquals(host.hierarchies, {
    mode: "unified",
    all: [{
      version: 2,
      controllers: "cpuset cpu io memory hugetlb pids rdma misc".split(" "),
      path: `${host.root.path}/${CGROUP}`,
    }],
  });
});

Deno.test("findHierarchies() finds the hierarchies of a recorded v1 host with watched controllers", () => {
  using host = new RecordedTree("6.1-v1-legacy");
  const { mode, all } = host.hierarchies;
  assertEquals(mode, "legacy");
  assertEquals(
    Object.fromEntries(all.map(({ controllers, path }) => [
      path.slice(`${host.root.path}/${CGROUP}/`.length),
      controllers.join(),
    ])),
    {
      "systemd": "name=systemd",
      "cpu,cpuacct": "cpu,cpuacct",
      "blkio": "blkio",
      "cpuset": "cpuset",
      "pids": "pids",
      "freezer": "freezer",
      "devices": "devices",
      "hugetlb": "hugetlb",
      "memory": "memory",
    },
  );
  assert(all.every(({ version }) => version === 1));
});

Deno.test("findHierarchies() finds both versions on a recorded hybrid host", () => {
  using host = new RecordedTree("6.18-hybrid");
  const { mode, all } = host.hierarchies;
  assertEquals(mode, "hybrid");
  assertEquals(all.length, 10);
  assertEquals(all.filter(({ version }) => version === 2), [{
    version: 2,
    controllers: ["hugetlb"],
    path: `${host.root.path}/${CGROUP}/unified`,
  }]);
});

Deno.test("findHierarchies() prefers the mounts of process 1 to the agent's, if the host's root is elsewhere", () => {
  using host = TestCgroup.create();
  host.child("init/memory");
  host.child("self/memory");
  host.file("proc/1/mountinfo", mountLine("init/memory", "cgroup", "memory"));
  host.file(
    "proc/self/mountinfo",
    mountLine("self/memory", "cgroup", "memory"),
  );
  const [first] = findHierarchies(host.hostFs()).all;
  assertEquals(first?.path, `${host.path}/init/memory`);
  Deno.removeSync(`${host.path}/proc/1/mountinfo`);
  const [second] = findHierarchies(host.hostFs()).all;
  assertEquals(second?.path, `${host.path}/self/memory`);
});

Deno.test("findHierarchies() prefers the mount of the host's tree to that of the agent's cgroup namespace", () => {
  using host = TestCgroup.create();
  host.file("own/cgroup.controllers", "memory\n")
    .file("host/cgroup.controllers", "memory\n")
    .file(
      "proc/1/mountinfo",
      mountLine("own", "cgroup2", "") +
        mountLine("host", "cgroup2", "", "/../../.."),
    );
  const { all } = findHierarchies(host.hostFs());
  assertEquals(all.map(({ path }) => path), [`${host.path}/host`]);
});

Deno.test("findHierarchies() prefers the mount of a whole hierarchy to that of a part", () => {
  using host = TestCgroup.create();
  host.child("part");
  host.child("whole");
  host.file(
    "proc/1/mountinfo",
    mountLine("part", "cgroup", "cpu,cpuacct", "/docker/1") +
      mountLine("whole", "cgroup", "cpuacct,cpu"),
  );
  assertEquals(
    findHierarchies(host.hostFs()).all.map(({ path }) => path),
    [`${host.path}/whole`],
  );
});

Deno.test("findHierarchies() skips missing and irrelevant mounts", () => {
  using host = TestCgroup.create();
  host.child(`${CGROUP}/pids`);
  host.child(`${CGROUP}/net_cls`);
  host.child(`${CGROUP}/unified`);
  host.file(
    "proc/1/mountinfo",
    mountLine(`${CGROUP}/memory`, "cgroup", "memory") +
      mountLine(`${CGROUP}/net_cls`, "cgroup", "net_cls") +
      mountLine(`${CGROUP}/unified`, "cgroup2", "nsdelegate") +
      mountLine(`${CGROUP}/pids`, "cgroup", "pids"),
  );
  assertEquals(findHierarchies(host.hostFs()), {
    mode: "legacy",
    all: [{
      version: 1,
      controllers: ["pids"],
      path: `${host.path}/${CGROUP}/pids`,
    }],
  });
});

Deno.test("findHierarchies() omits v1 hierarchies of a v2 host that share no controller with v2", () => {
  for (
    const [options, mode, found] of [
      ["net_cls", "unified", 1],
      ["freezer,devices", "unified", 1],
      ["xattr,name=systemd", "unified", 1],
      ["pids", "hybrid", 2],
      ["cpuset,noprefix", "hybrid", 2],
    ] as const
  ) {
    using host = TestCgroup.create();
    host.file(`${CGROUP}/cgroup.controllers`, "cpu memory\n");
    host.child("v1");
    host.file(
      "proc/1/mountinfo",
      mountLine("v1", "cgroup", options) + mountLine(CGROUP, "cgroup2", "rw"),
    );
    const { mode: told, all } = findHierarchies(host.hostFs());
    assertEquals([told, all.length], [mode, found], options);
  }
});

Deno.test("findHierarchies() uses the default directory if there is no mountinfo", () => {
  using host = new RecordedTree("6.1-v2");
  for (const file of ["proc/1/mountinfo", "proc/self/mountinfo"]) {
    host.root.file(file, "1 0 0:1 / / rw - ext4 /dev/root rw\n");
  }
  assertEquals(findHierarchies(host.fs), host.hierarchies);
});

Deno.test("findHierarchies() uses the names of v1 mounts in a directory", () => {
  for (const recording of ["6.1-v1-legacy", "6.18-hybrid"] as const) {
    using host = new RecordedTree(recording);
    const byFolder = findHierarchies(host.fs, `${host.root.path}/${CGROUP}/`);
    const inOrder = (
      { path: a }: { path: string },
      { path: b }: typeof byFolder.all[number],
    ) => a < b ? -1 : 1;
    assertEquals(byFolder.mode, host.hierarchies.mode);
    assertEquals(
      byFolder.all.toSorted(inOrder),
      host.hierarchies.all.toSorted(inOrder),
    );
  }
});

Deno.test("findHierarchies() uses a given v2 mount, regardless of mountinfo", () => {
  using host = new RecordedTree("6.18-hybrid");
  using elsewhere = TestCgroup.create();
  elsewhere.file("cgroup.controllers", "cpu memory\n");
  assertEquals(findHierarchies(host.fs, elsewhere.path), {
    mode: "unified",
    all: [{ version: 2, controllers: ["cpu", "memory"], path: elsewhere.path }],
  });
});

Deno.test("findHierarchies() removes trailing slashes, which notifications lack", () => {
  using host = new RecordedTree("6.1-v2");
  const path = `${host.root.path}/${CGROUP}`;
  assertEquals(findHierarchies(host.fs, `${path}//`).all[0]?.path, path);
});

Deno.test("findHierarchies() throws with the searched paths if there is no hierarchy", () => {
  using host = TestCgroup.create();
  assertThrows(
    () => findHierarchies(host.hostFs()),
    Error,
    `Cannot find cgroups: no cgroup mount in "${host.path}/proc/1/mountinfo" and none in "${host.path}/${CGROUP}"`,
  );
  assertThrows(
    () => findHierarchies(new HostFs({ root: host.path }), `${host.path}/x`),
    Error,
    `Cannot find cgroups in "${host.path}/x"`,
  );
});
