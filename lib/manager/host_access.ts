import type { CgroupNamespace } from "../kernfs/proc/cgroup_namespace.ts";
import { type Privileges, readPrivileges } from "../kernfs/kernel_log.ts";
import type { SourceState } from "../model/source_state.ts";

/** Inputs of {@linkcode accessState}. */
export interface HostAccess {
  readonly privileges: Privileges;
  readonly kmsg: SourceState;
  readonly namespace: Pick<CgroupNamespace, "isPrivate" | "isResolved">;
}

/**
 * Returns the state of the source `access`: whether the agent is `privileged`
 * or `restricted`, whether OOM kills have names, and whether the cgroups of
 * processes are resolved.
 */
export function accessState(
  { kmsg, namespace, privileges = readPrivileges() }:
    & Omit<HostAccess, "privileges">
    & Partial<HostAccess>,
): SourceState {
  const { isPrivileged, kernelLogHint } = privileges;
  const isLost = namespace.isPrivate && !namespace.isResolved;
  const details = [
    logDetail(kmsg, kernelLogHint),
    ...(namespace.isPrivate
      ? [
        isLost
          ? "a cgroup namespace of its own, whose root is not found: processes have no cgroup"
          : "a cgroup namespace of its own, whose root is found",
      ]
      : []),
  ];
  return {
    name: "access",
    state: isLost ? "degraded" : "ok",
    detail: `${isPrivileged ? "privileged" : "restricted"}: ${
      details.join("; ")
    }`,
  };
}

function logDetail({ state, detail }: SourceState, hint: string): string {
  const lost = "kills are inferred from the kernel's counters";
  switch (state) {
    case "ok":
      return "the kernel log is read";
    case "off":
      return `the kernel log is turned off; ${lost}`;
    case "degraded":
      return /permi/i.test(detail)
        ? `the kernel log is not permitted, ${hint}; ${lost}`
        : `the kernel log is not read: ${detail}; ${lost}`;
  }
}
