import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type {
  Event,
  EventContainer,
  OomContext,
  OomKillData,
  OomRunUpPoint,
  OomTopTask,
} from "../model/event.ts";
import { parseCgroupOrigin } from "../runtimes/cgroup_origin.ts";

/** The kubelet's `oom_score_adj` of a QoS class. */
export type OomScoreRule =
  | "kubelet: Guaranteed"
  | "kubelet: Burstable"
  | "kubelet: BestEffort";

/** A killed process. */
export interface OomVictim {
  readonly "seq": number;
  /** RFC 3339, UTC. */
  readonly "timestamp": string;
  readonly "pid"?: number;
  readonly "process_name"?: string;
  readonly "uid"?: number;
  readonly "cgroup"?: CgroupName;
  readonly "container"?: EventContainer;
  readonly "unit"?: string;
  readonly "total_vm_bytes"?: number;
  readonly "anon_rss_bytes"?: number;
  readonly "file_rss_bytes"?: number;
  readonly "shmem_rss_bytes"?: number;
  readonly "pgtables_bytes"?: number;
  readonly "oom_score_adj"?: number;
  /** Origin of the value, if known. */
  readonly "oom_score_adj_rule"?: OomScoreRule;
  readonly "attribution"?: "exact" | "inferred";
  readonly "sources"?: readonly string[];
  readonly "historical"?: boolean;
}

/** The reached limit, and its cgroup's memory usage. */
export interface OomLimit extends Omit<OomContext, "top_tasks" | "run_up"> {
  readonly "cgroup": CgroupName;
  /** `pod` and `unit` may enclose the victim's container. */
  readonly "owner": "container" | "pod" | "unit" | "cgroup";
  readonly "unit"?: string;
  /** In the last 10 s before the kill. */
  readonly "growth_bytes_per_second"?: number;
}

/** Kills of a container, or of a cgroup without one, including this incident. */
export interface OomKillCounts {
  /** Such as `container web`. */
  readonly "of": string;
  readonly "last_hour": number;
  readonly "last_day": number;
  readonly "log": number;
  /** Oldest event read. */
  readonly "log_since"?: string;
}

/** An OOM incident; absent fields are not recorded. */
export interface OomStory {
  readonly "incident"?: string;
  readonly "node": string;
  readonly "boot_id": string;
  /** First kill: RFC 3339, UTC. */
  readonly "timestamp": string;
  readonly "scope"?: "cgroup" | "host";
  readonly "constraint"?: string;
  /** Whether a whole cgroup was killed (`memory.oom.group`). */
  readonly "group"?: boolean;
  readonly "limit"?: OomLimit;
  /** The explained kill first, then the others by time. */
  readonly "victims": readonly OomVictim[];
  /** Oldest first. */
  readonly "run_up"?: readonly OomRunUpPoint[];
  /** Listed by the kernel before the kill. */
  readonly "top_tasks"?: readonly OomTopTask[];
  readonly "kills"?: OomKillCounts;
  /** Noun phrases. */
  readonly "not_recorded": readonly string[];
}

/**
 * cgroupfs driver: `/kubepods/burstable/…`; systemd driver:
 * `/kubepods.slice/kubepods-burstable.slice/…`.
 */
const QUALITY_REGEXP = /kubepods(?:\/|-)(besteffort|burstable)(?:\.slice)?\//;

/**
 * Builds the story of an incident.
 *
 * @param events `oom` and `oomKill` events of one incident; the first kill is
 * explained
 * @param kills counts for the first victim's container
 * @throws {RangeError} without an event
 */
export function createOomStory(
  events: readonly Event[],
  kills?: OomKillCounts,
): OomStory {
  const found = events.filter(({ event_type: type }) => type === "oomKill");
  const described = found.length === 0 ? events : found;
  const [first] = described;
  if (first === undefined) throw new RangeError("An incident has no event");
  const data = described.map((event) => event.event_data.oom ?? {});
  const [oom = {}] = data;
  const context: OomContext | undefined = data.find(({ context }) =>
    context !== undefined
  )?.context;
  const limit = limitOf(oom, context, first.container);
  const story: Omit<OomStory, "not_recorded"> = {
    ...(oom.incident !== undefined && { "incident": oom.incident }),
    "node": first.node,
    "boot_id": first.boot_id,
    "timestamp": first.timestamp,
    ...(oom.scope !== undefined && { "scope": oom.scope }),
    ...(oom.constraint !== undefined && { "constraint": oom.constraint }),
    ...(oom.group !== undefined && { "group": data.some((one) => one.group) }),
    ...(limit !== undefined && { "limit": limit }),
    "victims": described.map(victimOf),
    ...(context?.run_up !== undefined && { "run_up": context.run_up }),
    ...(context?.top_tasks !== undefined && { "top_tasks": context.top_tasks }),
    ...(kills !== undefined && { "kills": kills }),
  };
  return { ...story, "not_recorded": missingValues(story) };
}

/** Returns the key of kill counters: the name, which survives restarts, or the cgroup. */
export function ownerOf(event: Event): string {
  const { container, container_name: name, event_data: { oom } } = event;
  const { pod, name: own, namespace } = container ?? {};
  if (pod?.name !== undefined) {
    const inPod = pod.container === undefined
      ? ""
      : `, container ${pod.container}`;
    return `pod ${pod.namespace ?? "?"}/${pod.name}${inPod}`;
  }
  if (own !== undefined) {
    return `${namespace === "systemd" ? "unit" : "container"} ${own}`;
  }
  // An event without a known cgroup has the name of the root.
  if (oom?.victim_cgroup === undefined && name === ROOT) {
    return "an unknown cgroup";
  }
  const cgroup = oom?.victim_cgroup ?? name;
  const origin = parseCgroupOrigin(cgroup);
  return origin?.kind === "unit" ? `unit ${origin.unit}` : `cgroup ${cgroup}`;
}

function victimOf(event: Event): OomVictim {
  const { event_data: { oom = {} }, container } = event;
  const unit = unitOf(oom.victim_cgroup);
  const rule = oomScoreRuleOf(oom);
  return {
    "seq": event.seq,
    "timestamp": event.timestamp,
    ...pick(oom, ["pid", "process_name", "uid"]),
    ...(oom.victim_cgroup !== undefined && { "cgroup": oom.victim_cgroup }),
    ...(container !== undefined && Object.keys(container).length > 0 &&
      { "container": container }),
    ...(unit !== undefined && { "unit": unit }),
    ...pick(oom, [
      "total_vm_bytes",
      "anon_rss_bytes",
      "file_rss_bytes",
      "shmem_rss_bytes",
      "pgtables_bytes",
      "oom_score_adj",
    ]),
    ...(rule !== undefined && { "oom_score_adj_rule": rule }),
    ...pick(oom, ["attribution", "sources", "historical"]),
  };
}

function limitOf(
  oom: OomKillData,
  context: OomContext | undefined,
  container: EventContainer | undefined,
): OomLimit | undefined {
  const { limit_cgroup: cgroup } = oom;
  if (cgroup === undefined) return undefined;
  const { run_up: _, top_tasks: __, ...charged } = context ?? {};
  const origin = parseCgroupOrigin(cgroup);
  const isVictims = cgroup === oom.victim_cgroup && container?.id !== undefined;
  const owner = isVictims
    ? "container"
    : origin?.kind === "pod" || origin?.kind === "unit"
    ? origin.kind
    : origin?.kind === "container" && origin.isCertain
    ? "container"
    : "cgroup";
  return {
    "cgroup": cgroup,
    "owner": owner,
    ...(origin?.kind === "unit" && { "unit": origin.unit }),
    ...charged,
  };
}

/** Returns the innermost unit of the name. */
function unitOf(cgroup: CgroupName | undefined): string | undefined {
  for (let name = cgroup ?? ""; name !== "";) {
    const origin = parseCgroupOrigin(name);
    if (origin?.kind === "container" && origin.isCertain) return undefined;
    if (origin?.kind === "pod") return undefined;
    if (origin?.kind === "unit") return origin.unit;
    name = name.slice(0, name.lastIndexOf("/"));
  }
  return undefined;
}

/** Derived from the QoS class in a pod's cgroup name. Other values have another origin. */
function oomScoreRuleOf(oom: OomKillData): OomScoreRule | undefined {
  const { victim_cgroup: cgroup = "", oom_score_adj: value = 0 } = oom;
  const [, quality] = QUALITY_REGEXP.exec(cgroup) ?? [];
  if (!/kubepods/.test(cgroup)) return undefined;
  if (quality === "besteffort") {
    return value === 1000 ? "kubelet: BestEffort" : undefined;
  }
  if (quality === "burstable") {
    return value >= 2 && value <= 999 ? "kubelet: Burstable" : undefined;
  }
  return value === -997 ? "kubelet: Guaranteed" : undefined;
}

function missingValues(story: Omit<OomStory, "not_recorded">): string[] {
  const { victims, limit, scope, run_up: runUp, top_tasks: tasks } = story;
  const some = (has: (victim: OomVictim) => boolean) => !victims.every(has);
  const missing: readonly (readonly [boolean, string])[] = [
    [
      some(({ process_name: name }) => name !== undefined),
      "which process was killed",
    ],
    [
      some(({ cgroup }) => cgroup !== undefined),
      "the cgroup of the process",
    ],
    [scope === undefined, "whether a limit was reached or the host was out"],
    [
      scope === "cgroup" && limit === undefined,
      "which cgroup reached its limit",
    ],
    [
      limit !== undefined && limit.limit_bytes === undefined,
      "the value of the limit",
    ],
    [
      limit !== undefined && runUp === undefined,
      "the memory of the cgroup before the kill",
    ],
    [
      limit !== undefined && runUp !== undefined,
      "shared and kernel memory of the cgroup",
    ],
    [tasks === undefined, "the largest processes"],
    [
      some((victim) =>
        !victim.oom_score_adj || victim.oom_score_adj_rule !== undefined
      ),
      "the origin of oom_score_adj",
    ],
  ];
  return missing.filter(([isMissing]) => isMissing).map(([, what]) => what);
}

function pick<T extends object, K extends keyof T>(
  from: T,
  keys: readonly K[],
): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) {
    if (from[key] !== undefined) picked[key] = from[key];
  }
  return picked;
}
