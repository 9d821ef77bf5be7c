import { assertEquals } from "@std/assert";
import { NodePrograms } from "../../lib/manager/node_programs.ts";
import { systemContainersOf } from "../../lib/manager/system_containers.ts";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const ID = "c0ffee00".repeat(8);

/** Programs as `name cgroup`. */
function systemOf(
  cgroups: readonly CgroupName[],
  ...programs: readonly string[]
): Record<string, CgroupName> {
  const found = systemContainersOf(
    cgroups.map((name) => ({
      reference: { name },
      spec: { hasDiskIo: false },
    })),
    programs.map((program) => {
      const [name = "", cgroup = ""] = program.split(" ");
      return { name, cgroup };
    }),
  );
  return Object.fromEntries(
    found.map(({ name, reference }) => [name, reference.name]),
  );
}

Deno.test("systemContainersOf() finds the cgroups of a kubelet with a cgroupRoot, with either driver", () => {
  const pod = `/k8slab/kubepods/besteffort/pod0f1e`;
  assertEquals(
    systemOf(
      [
        "/",
        "/k8slab",
        "/k8slab/kubelet",
        "/k8slab/runtime",
        "/k8slab/kubepods",
        "/k8slab/kubepods/besteffort",
        pod,
        `${pod}/${ID}`,
      ],
      "kubelet /k8slab/kubelet",
      "containerd /k8slab/runtime",
    ),
    {
      kubelet: "/k8slab/kubelet",
      runtime: "/k8slab/runtime",
      pods: "/k8slab/kubepods",
    },
  );
  // kind: the root of its pods has the kubelet's name.
  const slice = "/kubelet.slice/kubelet-kubepods.slice";
  assertEquals(
    systemOf(
      [
        "/kubelet.slice",
        slice,
        `${slice}/kubelet-kubepods-burstable.slice`,
        "/system.slice/kubelet.service",
        "/system.slice/containerd.service",
      ],
      "containerd /system.slice/containerd.service",
      "kubelet /system.slice/kubelet.service",
    ),
    {
      kubelet: "/system.slice/kubelet.service",
      runtime: "/system.slice/containerd.service",
      pods: slice,
    },
  );
});

Deno.test("systemContainersOf() takes one service for both where it runs both", () => {
  const cgroups = ["/kubepods", "/system.slice/docker.service", "/k3s"];
  assertEquals(
    systemOf(
      cgroups,
      "containerd /system.slice/docker.service",
      "dockerd /system.slice/docker.service",
      "k3s-server /k3s",
      "containerd /k3s",
    ),
    { kubelet: "/k3s", runtime: "/k3s", pods: "/kubepods" },
  );
});

Deno.test("systemContainersOf() prefers the containerd close to the kubelet to others, and to that of Docker", () => {
  const cgroups = ["/docker.service", "/containerd.service"];
  const docker = ["containerd /docker.service", "dockerd /docker.service"];
  assertEquals(
    systemOf(cgroups, ...docker, "containerd /containerd.service"),
    { runtime: "/containerd.service" },
  );
  assertEquals(systemOf(cgroups, ...docker), { runtime: "/docker.service" });
  const ofUser = "/user.slice/session-1.scope";
  const kubelet = "/system.slice/kubelet.service";
  const runtime = "/system.slice/containerd.service";
  assertEquals(
    systemOf(
      [ofUser, kubelet, runtime],
      `containerd ${ofUser}`,
      `containerd ${runtime}`,
      `kubelet ${kubelet}`,
    ),
    { kubelet, runtime },
  );
});

Deno.test("systemContainersOf() takes none of a container's own, and no program in the root", () => {
  const outer = `/docker/${ID}`;
  assertEquals(
    systemOf(
      [
        "/",
        outer,
        `${outer}/kubelet/kubepods`,
        `${outer}/system.slice/kubelet.service`,
      ],
      `kubelet ${outer}/system.slice/kubelet.service`,
      "containerd /",
      "crio /nowhere",
    ),
    {},
  );
});

Deno.test("systemContainersOf() uses the names of units if no process is visible", () => {
  assertEquals(
    systemOf([
      "/kubelet",
      "/kubelet/kubepods",
      "/podruntime.slice/kubelet.service",
      "/podruntime.slice/containerd.service",
    ]),
    {
      kubelet: "/podruntime.slice/kubelet.service",
      runtime: "/podruntime.slice/containerd.service",
      pods: "/kubelet/kubepods",
    },
  );
});

Deno.test("NodePrograms.list() finds processes by their names, once a minute", async () => {
  using root = TestCgroup.create();
  const clock = new FakeClock();
  const process = (pid: number, name: string, cgroup: string) =>
    root.file(`proc/${pid}/comm`, `${name}\n`)
      .file(`proc/${pid}/cgroup`, `0::${cgroup}\n`);
  process(10, "kubelet", "/k8slab/kubelet");
  process(9, "kubelet-helper", "/other");
  process(8, "containerd", "/../../outside");
  const programs = new NodePrograms(root.hostFs(), {
    clock,
    names: ["kubelet", "containerd"],
  });
  const kubelet = { name: "kubelet", cgroup: "/k8slab/kubelet" };
  assertEquals(await programs.list(), [kubelet]);
  process(7, "containerd", "/k8slab/runtime");
  assertEquals(await programs.list(), [kubelet]);
  clock.advance(60_000);
  assertEquals(await programs.list(), [
    { name: "containerd", cgroup: "/k8slab/runtime" },
    kubelet,
  ]);
});
