import { ROOT } from "../model/cgroup.ts";
import type { ContainerReference } from "../model/container.ts";
import { parseCgroupOrigin } from "./cgroup_origin.ts";

/** A container's display name. */
export interface DisplayName {
  /** `shop/web-0/web`, `web`, `nginx.service`, or the cgroup. */
  readonly name: string;
  /** Runtime, `pod`, `unit`, or `cgroup`. */
  readonly type: string;
  /** Namespace and name. */
  readonly pod: string | undefined;
}

/** Returns a container's display name. */
export function displayNameOf(
  { name, aliases, namespace, id }: ContainerReference,
  labels: Readonly<Record<string, string>> = {},
): DisplayName {
  const {
    "io.kubernetes.pod.namespace": podNamespace,
    "io.kubernetes.pod.name": podName,
    "io.kubernetes.container.name": inPod,
  } = labels;
  const pod = podName === undefined
    ? undefined
    : `${podNamespace ?? "?"}/${podName}`;
  if (namespace !== undefined) {
    const own = pod === undefined
      ? aliases?.[0] ?? id ?? name
      : `${pod}/${inPod ?? "(sandbox)"}`;
    return { name: own === id ? own.slice(0, 12) : own, type: namespace, pod };
  }
  const origin = name === ROOT ? undefined : parseCgroupOrigin(name);
  if (origin?.kind === "unit") return { name: origin.unit, type: "unit", pod };
  if (origin?.kind === "pod") {
    return { name: `pod ${origin.podUid}`, type: "pod", pod };
  }
  return { name, type: "cgroup", pod };
}

/** Reads restarts by a runtime or a kubelet from labels. */
export function restartsOf(
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const { restartcount, "io.kubernetes.container.restartCount": ofPod } =
    labels;
  const value = Number(restartcount ?? ofPod ?? NaN);
  return Number.isFinite(value) ? value : undefined;
}

/** Names pods' cgroups after their containers. */
export function withPodNames<
  T extends DisplayName & { readonly cgroup: string },
>(rows: readonly T[]): T[] {
  const pods = new Map<string, string>();
  for (const { cgroup, pod } of rows) {
    if (pod !== undefined) {
      pods.set(cgroup.slice(0, cgroup.lastIndexOf("/")), pod);
    }
  }
  return rows.map((row) => {
    const pod = row.type === "pod" ? pods.get(row.cgroup) : undefined;
    return pod === undefined ? row : { ...row, name: pod, pod };
  });
}
