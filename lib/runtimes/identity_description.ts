import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { EventContainer } from "../model/event.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import { defined } from "../model/defined.ts";

/** Builds the `container` field of events. */
export function describeContainer(
  cgroup: CgroupName,
  origin: ContainerOrigin,
  metadata: ContainerMetadata | undefined,
): EventContainer {
  const { id, runtimes, podUid, isCertain } = origin;
  if (!isCertain && metadata === undefined) return {};
  const runtime = metadata?.runtime ??
    (runtimes.length === 1 ? runtimes[0] : undefined);
  const name = metadata?.name ?? origin.name;
  const pod = podUid === undefined && metadata?.pod === undefined
    ? undefined
    : { ...(podUid !== undefined && { "uid": podUid }), ...metadata?.pod };
  return defined<EventContainer>({
    "namespace": runtime,
    "id": id,
    "name": name,
    "image": metadata?.image,
    "aliases": runtime === undefined
      ? undefined
      : aliasesOf(runtime, cgroup, id, name),
    "pod": pod,
  });
}

/** Returns cAdvisor's aliases. */
function aliasesOf(
  runtime: string,
  cgroup: CgroupName,
  id: string,
  name: string | undefined,
): string[] {
  if (runtime === "rkt") return [name ?? `rkt://${id}`];
  if (runtime === "containerd") return [id, cgroup];
  return name === undefined || name === id ? [id] : [name, id];
}

/** Fields of `containerUpdate`, with wire names. */
const REPORTED_FIELDS: readonly (readonly [keyof ContainerMetadata, string])[] =
  [
    ["runtime", "namespace"],
    ["name", "name"],
    ["image", "image"],
    ["labels", "labels"],
    ["pod", "pod"],
    ["health", "health"],
    ["restartCount", "restart_count"],
    ["exitCode", "exit_code"],
  ];

/** Returns wire names of changed fields. */
export function changedFields(
  before: ContainerMetadata | undefined,
  after: ContainerMetadata,
  { runtimes }: ContainerOrigin,
): Set<string> {
  const changed = REPORTED_FIELDS.filter(([key]) =>
    JSON.stringify(before?.[key]) !== JSON.stringify(after[key])
  ).map(([, name]) => name);
  const names = new Set(changed);
  // The cgroup's name identifies the runtime.
  if (runtimes.length === 1) names.delete("namespace");
  if (before?.restartCount === undefined && after.restartCount === 0) {
    names.delete("restart_count");
  }
  return names;
}
