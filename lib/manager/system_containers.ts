import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type {
  DescribedContainer,
  NamedContainer,
} from "../model/node_summary.ts";
import { parseCgroupOrigin } from "../runtimes/cgroup_origin.ts";
import type { NodeProgram } from "./node_programs.ts";

/**
 * Programs that contain a kubelet: its own, those of k3s and microk8s, and of
 * old releases.
 */
export const KUBELETS: readonly string[] = [
  "kubelet",
  "k3s-server",
  "k3s-agent",
  "kubelite",
  "hyperkube",
];

/** Container runtimes, the likeliest of a kubelet first. */
export const RUNTIMES: readonly string[] = ["crio", "containerd", "dockerd"];

/** Units of these programs, for hosts whose processes are hidden. */
const UNITS: readonly (readonly [system: string, unit: RegExp])[] = [
  ["kubelet", /^kubelet(?:\.service)?$/],
  ["runtime", /^(?:crio|containerd|docker)\.service$/],
];

/**
 * `kubepods`, or with the systemd driver `kubepods.slice`, for cgroupRoot
 * `/a/b` `a-b-kubepods.slice`.
 */
const PODS_REGEXP = /^(?:kubepods|(?:.+-)?kubepods\.slice)$/;

/**
 * Returns the system containers by the kubelet's names: `pods`, the cgroup
 * around all pods that eviction measures; `kubelet` and `runtime`, the cgroups
 * of these programs. No path is fixed: it depends on `cgroupRoot`, driver, and
 * how the programs were started.
 */
export function systemContainersOf(
  containers: readonly DescribedContainer[],
  programs: readonly NodeProgram[],
): NamedContainer[] {
  const byName = new Map<CgroupName, DescribedContainer>();
  for (const container of containers) {
    byName.set(container.reference.name, container);
  }
  const pods = podsCgroup([...byName.keys()]);
  const kubelet = cgroupOf(KUBELETS, programs, byName) ??
    unitOf("kubelet", byName, pods);
  const runtime = cgroupOf(RUNTIMES, programs, byName, kubelet) ??
    unitOf("runtime", byName, pods);
  return Object.entries({ kubelet, runtime, pods }).flatMap(
    ([name, cgroup]) => {
      const container = byName.get(cgroup ?? "");
      return container === undefined ? [] : [{ ...container, name }];
    },
  );
}

/**
 * Returns the cgroup of this node's pods, not of a node in a container; among
 * several, the one with most descendants.
 */
function podsCgroup(names: readonly CgroupName[]): CgroupName | undefined {
  const below = (name: CgroupName) =>
    names.filter((other) => other.startsWith(`${name}/`)).length;
  return names
    .filter((name) => PODS_REGEXP.test(baseOf(name)) && isOfHost(name))
    .map((name) => [below(name), name] as const)
    .toSorted(([most], [more]) => more - most)[0]?.[1];
}

/**
 * Returns the likeliest program's cgroup, among several the closest to `near`,
 * since a kubelet and its runtime are started alike.
 */
function cgroupOf(
  likeliest: readonly string[],
  programs: readonly NodeProgram[],
  byName: ReadonlyMap<CgroupName, DescribedContainer>,
  near: CgroupName = ROOT,
): CgroupName | undefined {
  const isCandidate = ({ cgroup }: NodeProgram) =>
    cgroup !== ROOT && byName.has(cgroup) && isOfHost(cgroup);
  const dockers = new Set(
    programs.filter(({ name }) => name === "dockerd")
      .map(({ cgroup }) => cgroup),
  );
  // Docker's own containerd runs no pods.
  const closeness = (cgroup: CgroupName) =>
    commonParts(cgroup, near) - (dockers.has(cgroup) ? 0.5 : 0);
  for (const name of likeliest) {
    const found = programs.filter((program) =>
      program.name === name && isCandidate(program)
    ).map(({ cgroup }) => cgroup);
    if (found.length === 0) continue;
    if (found.includes(near)) return near;
    // A container may run a program of any name.
    const ofHost = found.filter((cgroup) =>
      parseCgroupOrigin(cgroup)?.kind !== "container"
    );
    const closest = (ofHost.length === 0 ? found : ofHost).toSorted(
      (one, other) => closeness(other) - closeness(one),
    );
    return closest[0];
  }
  return undefined;
}

/**
 * Returns a unit's cgroup by name; the cgroup around all pods is the
 * `cgroupRoot`, not the kubelet's.
 */
function unitOf(
  system: string,
  byName: ReadonlyMap<CgroupName, DescribedContainer>,
  pods: CgroupName | undefined,
): CgroupName | undefined {
  return [...byName.keys()].find((name) =>
    UNITS.some(([of, unit]) => of === system && unit.test(baseOf(name))) &&
    isOfHost(name) && !pods?.startsWith(`${name}/`)
  );
}

/** Whether no container is above it, unlike in a node that is a container. */
function isOfHost(name: CgroupName): boolean {
  for (let at = parentOf(name); at !== ROOT; at = parentOf(at)) {
    const origin = parseCgroupOrigin(at);
    if (origin?.kind === "container" && origin.isCertain) return false;
  }
  return true;
}

/** Returns the number of common leading directories. */
function commonParts(one: CgroupName, other: CgroupName): number {
  const parts = other.split("/");
  const all = one.split("/");
  const different = all.findIndex((part, index) => part !== parts[index]);
  return different < 0 ? all.length : different;
}

function baseOf(name: CgroupName): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
