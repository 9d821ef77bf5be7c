import { assertEquals } from "@std/assert";
import type { Hierarchies } from "../../../lib/kernfs/cgroup/hierarchy.ts";
import {
  CgroupNamespace,
  HOST_VIEW,
} from "../../../lib/kernfs/proc/cgroup_namespace.ts";
import {
  parseMemoryCgroup,
  readMemoryCgroup,
} from "../../../lib/kernfs/proc/proc_cgroup.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

const OWN = "/kubepods/burstable/pod0f1e/c0ffee";
const OTHER = "/kubepods/besteffort/pod2d3c/beef";

/**
 * Returns a path that many levels above the namespace, as the kernel prints it.
 */
const up = (count: number, rest = "") => `${"/..".repeat(count)}${rest}`;

/**
 * An agent in a container whose own cgroup is the root of its cgroup namespace.
 */
class Contained implements Disposable {
  /** The container's view: the host is below `/rootfs`. */
  readonly root = TestCgroup.create();
  readonly tree: TestCgroup;
  readonly hierarchies: Hierarchies;

  constructor(version: 1 | 2) {
    const path = version === 2
      ? "rootfs/sys/fs/cgroup"
      : "rootfs/sys/fs/cgroup/memory";
    this.tree = this.root.child(path);
    for (const name of [OWN, OTHER, "/kubepods/burstable/pod0f1e/dead"]) {
      this.tree.file(`${name.slice(1)}/cgroup.procs`, "");
    }
    this.tree.file(`${OWN.slice(1)}/cgroup.procs`, "1\n7\n");
    const controllers = version === 2 ? ["memory"] : ["memory", "cpuset"];
    this.hierarchies = {
      mode: version === 2 ? "unified" : "legacy",
      all: [{ version, controllers, path: this.tree.path }],
    };
    this.root.file("proc/self/stat", "7 (cgwatch) S 1 7 7 0 -1\n")
      .file("proc/self/cgroup", version === 2 ? "0::/\n" : "4:memory:/\n");
    this.mount(version === 2 ? "cgroup2" : "cgroup", up(4));
  }

  /**
   * Writes the container's mountinfo: the mount of the host's tree, and
   * optionally of its own.
   */
  mount(type: string, root: string, own?: string): void {
    const options = type === "cgroup" ? "rw,memory,cpuset" : "rw";
    const line = (root: string, path: string) =>
      `1 1 0:30 ${root} ${path} ro - ${type} cgroup ${options}\n`;
    this.root.file(
      "proc/self/mountinfo",
      line(root, this.tree.path.slice(this.root.path.length)) +
        (own === undefined ? "" : line("/", own)),
    );
  }

  get namespace(): CgroupNamespace {
    const fs = this.root.child("rootfs").hostFs();
    return new CgroupNamespace(fs, this.hierarchies, this.root.hostFs());
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

Deno.test("CgroupNamespace.resolve() returns the host's names, based on the agent's PID", () => {
  for (const version of [1, 2] as const) {
    using contained = new Contained(version);
    const { namespace } = contained;
    const controller = version === 2 ? "" : "memory";
    const resolved = (path: string) => namespace.resolve(controller, path);
    assertEquals(resolved("/"), OWN);
    assertEquals(resolved("/below"), `${OWN}/below`);
    assertEquals(resolved(up(3, "/besteffort/pod2d3c/beef")), OTHER);
    assertEquals(resolved(up(1, "/dead")), "/kubepods/burstable/pod0f1e/dead");
    assertEquals(resolved(up(3)), "/kubepods");
    assertEquals(resolved(up(4)), "/");
    assertEquals(
      resolved(up(4, "/system.slice/ssh.service")),
      "/system.slice/ssh.service",
    );
    // Not in the mounted tree.
    assertEquals(resolved(up(5, "/x")), undefined);
    assertEquals([namespace.isPrivate, namespace.isResolved], [true, true]);
  }
});

Deno.test("CgroupNamespace.resolve() locates the namespace by the inode of the agent's mount, regardless of its PID", () => {
  using contained = new Contained(2);
  const { root, tree } = contained;
  tree.file(`${OWN.slice(1)}/cgroup.procs`, "");
  // Simulate the same inode at two paths, as only cgroupfs has.
  contained.mount(
    "cgroup2",
    up(4),
    `${tree.path.slice(root.path.length)}${OWN}`,
  );
  assertEquals(
    contained.namespace.resolve("", up(3, "/besteffort/pod2d3c/beef")),
    OTHER,
  );
});

Deno.test("CgroupNamespace.resolve() supports an agent below the root of its namespace", () => {
  using contained = new Contained(2);
  const { root, tree } = contained;
  tree.file(`${OWN.slice(1)}/cgroup.procs`, "")
    .file(`${OWN.slice(1)}/init/cgroup.procs`, "7\n");
  root.file("proc/self/cgroup", "0::/init\n");
  assertEquals(contained.namespace.resolve("", "/init"), `${OWN}/init`);
  assertEquals(
    contained.namespace.resolve("", up(1, "/dead")),
    `/kubepods/burstable/pod0f1e/dead`,
  );
});

Deno.test("CgroupNamespace.resolve() resolves only paths that do not depend on the namespace if its root is not found", () => {
  using contained = new Contained(2);
  contained.tree.file(`${OWN.slice(1)}/cgroup.procs`, "70\n17\n");
  const { namespace } = contained;
  assertEquals(namespace.resolve("", "/"), undefined);
  assertEquals(namespace.resolve("", up(3, "/besteffort/x")), undefined);
  assertEquals(namespace.resolve("", up(4, "/system.slice")), "/system.slice");
  assertEquals([namespace.isPrivate, namespace.isResolved], [true, false]);
});

Deno.test("CgroupNamespace.resolve() keeps paths in the host's namespace, without the mounted root", () => {
  using contained = new Contained(2);
  contained.mount("cgroup2", "/");
  assertEquals(contained.namespace.resolve("", OTHER), OTHER);
  assertEquals(contained.namespace.resolve("", up(1, "/x")), undefined);
  assertEquals(contained.namespace.isPrivate, false);
  // As in a container that sees only its own cgroup.
  contained.mount("cgroup2", "/docker/c0ffee");
  assertEquals(contained.namespace.resolve("", "/docker/c0ffee/web"), "/web");
  assertEquals(contained.namespace.resolve("", "/docker/c0ffee"), "/");
  assertEquals(contained.namespace.resolve("", "/docker/beef"), undefined);
});

Deno.test("readMemoryCgroup() never returns a path outside the namespace", () => {
  using contained = new Contained(1);
  const { root, namespace } = contained;
  const fs = root.hostFs();
  const running = `4:memory:${up(3, "/besteffort/pod2d3c/beef")}\n0::/\n`;
  assertEquals(parseMemoryCgroup(running), undefined);
  assertEquals(parseMemoryCgroup(running, namespace), OTHER);
  root.file("proc/9/cgroup", running);
  assertEquals(readMemoryCgroup(fs, 9), undefined);
  assertEquals(readMemoryCgroup(fs, 9, namespace), OTHER);
  // An exiting process has moved to the root of v1's hierarchy, except in its
  // cpuset file.
  root.file("proc/9/cgroup", `4:memory:${up(4)}\n`)
    .file("proc/9/cpuset", `${up(3, "/besteffort/pod2d3c/beef")} (deleted)\n`);
  assertEquals(readMemoryCgroup(fs, 9, namespace), OTHER);
  assertEquals(readMemoryCgroup(fs, 9), undefined);
  assertEquals(HOST_VIEW.resolve("", "/..x/y"), "/..x/y");
});
