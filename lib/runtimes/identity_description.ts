import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { EventContainer } from "../model/event.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import { defined } from "./json_fields.ts";

/** A container as events tell it: what its cgroup's name says, and what its runtime told so far. */
export function describeContainer(
  cgroup: CgroupName,
  origin: ContainerOrigin,
  facts: ContainerMetadata | undefined,
): EventContainer {
  const { id, runtimes, podUid, isCertain } = origin;
  if (!isCertain && facts === undefined) return {};
  const runtime = facts?.runtime ??
    (runtimes.length === 1 ? runtimes[0] : undefined);
  const name = facts?.name ?? origin.name;
  const pod = podUid === undefined && facts?.pod === undefined
    ? undefined
    : { ...(podUid !== undefined && { "uid": podUid }), ...facts?.pod };
  return defined<EventContainer>({
    "namespace": runtime,
    "id": id,
    "name": name,
    "image": facts?.image,
    "aliases": runtime === undefined
      ? undefined
      : aliasesOf(runtime, cgroup, id, name),
    "pod": pod,
  });
}

/** The names that cAdvisor gives a container of the runtime. */
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

/** What differs, by the names on the wire; what only serves to read the container is not told. */
const TOLD_CHANGES: readonly (readonly [keyof ContainerMetadata, string])[] = [
  ["runtime", "namespace"],
  ["name", "name"],
  ["image", "image"],
  ["labels", "labels"],
  ["pod", "pod"],
  ["health", "health"],
  ["restartCount", "restart_count"],
  ["exitCode", "exit_code"],
];

/** The names, on the wire, of what was not known before or is another now. */
export function changedFacts(
  before: ContainerMetadata | undefined,
  after: ContainerMetadata,
  { runtimes }: ContainerOrigin,
): Set<string> {
  const changed = TOLD_CHANGES.filter(([key]) =>
    JSON.stringify(before?.[key]) !== JSON.stringify(after[key])
  ).map(([, name]) => name);
  const names = new Set(changed);
  // Its cgroup's name said so from the beginning.
  if (runtimes.length === 1) names.delete("namespace");
  if (before?.restartCount === undefined && after.restartCount === 0) {
    names.delete("restart_count");
  }
  return names;
}
