// Hosts for which bugs of other programs were reported.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SmallHost } from "../_support/small_host.ts";

const CGROUP = "sys/fs/cgroup";
const ROOT_MOUNT = "27 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw\n";

Deno.test("a v1 host whose hierarchies have the mount source - has its values", async () => {
  await using host = await SmallHost.start({
    [CGROUP]: null,
    "proc/1/mountinfo": ROOT_MOUNT + [
      "29 27 0:25 / /tmp rw,nosuid - tmpfs - rw,inode64",
      "30 27 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs - rw,mode=755",
      "31 30 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup - rw,memory",
      "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup - rw,cpu,cpuacct",
      "",
    ].join("\n"),
    [`${CGROUP}/memory/web/memory.usage_in_bytes`]: "8388608\n",
    [`${CGROUP}/memory/web/memory.limit_in_bytes`]: "33554432\n",
    [`${CGROUP}/cpu,cpuacct/web/cpuacct.usage`]: "250000000\n",
  });
  const { spec, stats: [first] } = await host.container("/web");
  assertEquals(spec.memory, { limit: 33554432 });
  assertEquals(first.memory.usage, 8388608);
  assertEquals(first.cpu.usage.total, 250000000);
});

Deno.test("a host with v1 hierarchies without controllers is a v2 host", async () => {
  for (
    const options of ["net_cls", "freezer", "devices", "xattr,name=systemd"]
  ) {
    await using host = await SmallHost.start({
      "proc/1/mountinfo": ROOT_MOUNT +
        "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n" +
        `70 30 0:50 / /opt/v1 rw shared:30 - cgroup none rw,${options}\n`,
      "opt/v1/vpn/": "",
      [`${CGROUP}/cpuset.cpus.effective`]: "0-1\n",
      [`${CGROUP}/web/cpuset.cpus`]: "\n",
      [`${CGROUP}/web/cpuset.cpus.effective`]: "1\n",
    });
    const [root] = await host.json("/api/v2.1/machinestats?max_age=0s&count=1");
    assertEquals(root.memory.usage, 3000000, options);
    assertEquals(root.memory.working_set, 2500000, options);
    const { spec } = await host.container("/web");
    assertEquals(spec.cpu.mask, "1", options);
    assertEquals((await host.fetch("/api/v1.3/containers/vpn")).status, 404);
  }
});

Deno.test("a host with only cpuset on v1 has its other values from v2, those of / too", async () => {
  await using host = await SmallHost.start({
    "proc/1/mountinfo": ROOT_MOUNT +
      "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n" +
      "70 30 0:50 / /dev/cpuset rw - cgroup none rw,cpuset\n",
    [`${CGROUP}/cgroup.controllers`]: "cpu io memory pids\n",
    "dev/cpuset/cpuset.cpus": "0-1\n",
    "dev/cpuset/web/cpuset.cpus": "1\n",
  });
  const [root] = await host.json("/api/v2.1/machinestats?max_age=0s&count=1");
  assertEquals(root.memory.usage, 3000000);
  const { spec, stats: [first] } = await host.container("/web");
  assertEquals(spec.cpu, { limit: 2597, max_limit: 0, mask: "1" });
  assertEquals(first.memory.usage, 8388608);
});

Deno.test("the root of a v1 host has its reservation and the machine's memory", async () => {
  await using host = await SmallHost.start({
    [CGROUP]: null,
    "proc/1/mountinfo": ROOT_MOUNT +
      "31 27 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    [`${CGROUP}/memory/memory.limit_in_bytes`]: "9223372036854771712\n",
    [`${CGROUP}/memory/memory.soft_limit_in_bytes`]: "9223372036854771712\n",
  });
  const text = await (await host.fetch("/api/v2.1/spec/")).text();
  assertStringIncludes(
    text,
    '"memory":{"limit":2097152000,"reservation":9223372036854771712,"swap_limit":524288000}',
  );
});

Deno.test("a cgroup with cpu.idle, whose weight is 0, has the lowest shares", async () => {
  await using host = await SmallHost.start({
    [`${CGROUP}/web/cpu.idle`]: "1\n",
    [`${CGROUP}/web/cpu.weight`]: "0\n",
  });
  assertEquals((await host.container("/web")).spec.cpu.limit, 2);
});

const POD = "36b6d6be-73b1-065a-f369-b3985edafa09";
const OTHER_POD = "46b6d6be-73b1-065a-f369-b3985edafa09";
const ID = "79fedb3bd23ca77c9d9ccb41909038316f713df22b54b7d942b71d3812e7c74e";
const OTHER_ID = `8${ID.slice(1)}`;
const LONE_ID = `9${ID.slice(1)}`;

/** Returns containerd's bundle of a container of a pod. */
function bundleOf(
  id: string,
  pod: string,
  uid: string,
): Record<string, string> {
  const directory = `run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}`;
  return {
    [`${directory}/config.json`]: JSON.stringify({
      annotations: {
        "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.sandbox-name": pod,
        "io.kubernetes.cri.sandbox-namespace": "shop",
        "io.kubernetes.cri.sandbox-uid": uid,
      },
    }),
  };
}

Deno.test("a cgroup whose name is a path of systemd's driver belongs to the pod in that name", async () => {
  const undivided = (uid: string, id: string) =>
    `kubepods-burstable-pod${
      uid.replaceAll("-", "_")
    }.slice:cri-containerd:${id}`;
  const name = `/system.slice/containerd.service/${undivided(POD, ID)}`;
  const slice = `kubepods-burstable-pod${OTHER_POD.replaceAll("-", "_")}.slice`;
  const other =
    `/kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-${OTHER_ID}.scope`;
  const lone = `/${undivided(POD, LONE_ID)}`;
  await using host = await SmallHost.start({
    [`${CGROUP}${name}/memory.current`]: "1048576\n",
    [`${CGROUP}${other}/memory.current`]: "1048576\n",
    [`${CGROUP}${lone}/memory.current`]: "1048576\n",
    ...bundleOf(ID, "app-0", POD),
    ...bundleOf(OTHER_ID, "app-1", OTHER_POD),
  });
  const specs = async () => await host.json("/api/v2.1/spec?recursive=true");
  while ((await specs())[name]?.labels === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { [name]: { namespace, aliases, labels }, [lone]: bare } =
    await specs();
  assertEquals(namespace, "containerd");
  assertEquals(aliases, [ID, name]);
  assertEquals(labels["io.kubernetes.pod.name"], "app-0");
  assertEquals(bare.namespace, "containerd");
  assertEquals(bare.aliases, [LONE_ID, lone]);
  const { pods } = await host.json("/stats/summary");
  const named = pods
    .filter(({ podRef }: { podRef: { name: string } }) => podRef.name !== "")
    // deno-lint-ignore no-explicit-any
    .map(({ podRef: { name, namespace, uid }, containers }: any) => ({
      name,
      namespace,
      uid,
      names: containers.map(({ name }: { name: string }) => name),
    }));
  assertEquals(
    named.toSorted((a: { name: string }, b: { name: string }) =>
      a.name < b.name ? -1 : 1
    ),
    [
      { name: "app-0", namespace: "shop", uid: POD, names: [LONE_ID, "app"] },
      { name: "app-1", namespace: "shop", uid: OTHER_POD, names: ["app"] },
    ],
  );
});

Deno.test("a unit's cgroup has the unit's name, with its escapes and without systemd's underscore", async () => {
  const NAMES: Readonly<Record<string, string>> = {
    "/system.slice/_cpu.service": "cpu.service",
    "/system.slice/__job.service": "_job.service",
    "/system.slice/foo-bar.service": "foo-bar.service",
    "/system.slice/foo\\x2dbar.service": "foo\\x2dbar.service",
    "/system.slice/system-lvm2\\x2dpvscan.slice":
      "system-lvm2\\x2dpvscan.slice",
    "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope":
      "machine-qemu\\x2d1\\x2dweb.scope",
    "/machine.slice/systemd-nspawn@web.service/payload/system.slice/cron.service":
      "cron.service",
    "/lxc.payload.web/system.slice/cron.service": "cron.service",
  };
  await using host = await SmallHost.start({
    ...Object.fromEntries(
      Object.keys(NAMES).map((name) => [`${CGROUP}${name}/`, ""]),
    ),
    [`${CGROUP}/system.slice/var-lib-merged.mount/`]: "",
  });
  const events: readonly {
    readonly container_name: string;
    readonly container?: { readonly namespace: string; readonly name: string };
  }[] = await host.json("/api/v1.3/events");
  const units = events
    .filter(({ container }) => container?.namespace === "systemd")
    .map(({ container_name: name, container }) => [name, container?.name]);
  const found = Object.fromEntries(units);
  for (const [name, unit] of Object.entries(NAMES)) {
    assertEquals(found[name], unit);
  }
  assert(!events.some(({ container_name: name }) => name.endsWith(".mount")));
});
