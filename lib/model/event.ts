import { type CgroupName, isDescendant } from "./cgroup.ts";

/** The types of event that are kept and can be asked for. */
export const EVENT_TYPES = [
  "oom",
  "oomKill",
  "containerCreation",
  "containerDeletion",
  "containerUpdate",
  "memoryHigh",
  "memoryMax",
  "nodeEvent",
] as const;

/** A type of event that is kept. */
export type EventType = typeof EVENT_TYPES[number];

/** The Kubernetes pod that a container is of, and its name within it. */
export interface EventPod {
  readonly "namespace"?: string;
  readonly "name"?: string;
  readonly "uid"?: string;
  readonly "container"?: string;
}

/** Who a container is, as far as it is known. */
export interface EventContainer {
  readonly "namespace"?: string;
  readonly "id"?: string;
  readonly "name"?: string;
  readonly "image"?: string;
  readonly "aliases"?: readonly string[];
  readonly "pod"?: EventPod;
  /** The container that it runs in, as of docker in docker. */
  readonly "parent"?: EventContainer;
}

/** One process killed by the kernel for want of memory. Sizes are bytes. */
export interface OomKillData {
  readonly "pid"?: number;
  readonly "process_name"?: string;
  /** `CONSTRAINT_NONE`, `_CPUSET`, `_MEMORY_POLICY`, `_MEMCG`. */
  readonly "constraint"?: string;
  readonly "uid"?: number;
  /** `cgroup` when a limit was hit, `host` when the machine ran out. */
  readonly "scope"?: "cgroup" | "host";
  readonly "limit_cgroup"?: CgroupName;
  readonly "victim_cgroup"?: CgroupName;
  readonly "total_vm_bytes"?: number;
  readonly "anon_rss_bytes"?: number;
  readonly "file_rss_bytes"?: number;
  readonly "shmem_rss_bytes"?: number;
  readonly "pgtables_bytes"?: number;
  readonly "oom_score_adj"?: number;
  /** Whether the whole cgroup was killed (`memory.oom.group`). */
  readonly "group"?: boolean;
  /** Boot id and kmsg sequence of what began it: one for all victims of one shortage. */
  readonly "incident"?: string;
  /** What was seen: `kmsg`, `memory.events`, … */
  readonly "sources"?: readonly string[];
  /** `exact` when the kernel named the victim, `inferred` when only a counter moved. */
  readonly "attribution"?: "exact" | "inferred";
  /** Older than the agent's start, and told by no earlier run. */
  readonly "historical"?: boolean;
  /** How the cgroup at its limit stood. */
  readonly "context"?: OomContext;
  /** Sequence number of the kmsg record that says so. */
  readonly "kmsg_seq"?: number;
  /** In `oomKill`: units of the node's count (`oom_kill` of `/proc/vmstat`) that are accounted for, this one included. */
  readonly "node_oom_kills"?: number;
  /** In an inferred `oomKill`: the last kmsg record that is accounted for. */
  readonly "kmsg_read_seq"?: number;
  /** In `oomKill`: how many of them were inferred while their records may yet come; absent for 0. */
  readonly "inferred_units"?: number;
}

/** What a restart needs: how far the kernel log and the node's count of OOM kills are accounted for. */
export interface CheckpointData {
  /** The last kernel log record all of whose events are in the log; absent where none was read. */
  readonly "kmsg_seq"?: number;
  /** Its time, microseconds of the kernel log's clock. */
  readonly "kmsg_usec"?: number;
  /** Units of the node's count that are accounted for; absent where that is not known, or where the kernel does not count. */
  readonly "node_oom_kills"?: number;
  /** How many of them were inferred while their records may yet come. */
  readonly "inferred_units": number;
}

/** A process as the kernel listed it before it killed. */
export interface OomTopTask {
  /** In the host's pid namespace. */
  readonly "pid": number;
  /** The first 15 bytes of its name. */
  readonly "process_name": string;
  /** Resident memory, bytes. */
  readonly "rss_bytes": number;
}

/** One sample of a cgroup's memory before a kill. Bytes; absent where it was not measured. */
export interface OomRunUpPoint {
  /** Milliseconds before the kill. */
  readonly "age_ms": number;
  readonly "usage_bytes"?: number;
  readonly "working_set_bytes"?: number;
  readonly "anon_bytes"?: number;
  readonly "file_bytes"?: number;
}

/**
 * How the cgroup at its limit stood when the kill was read: what the kernel
 * still told. On cgroup v1 memory and swap are counted together.
 */
export interface OomContext {
  /** Its limit. */
  readonly "limit_bytes"?: number;
  /** What was charged. */
  readonly "usage_bytes"?: number;
  /** The most that ever was. */
  readonly "peak_bytes"?: number;
  /** Swap alone (v2). */
  readonly "swap_bytes"?: number;
  /** Its limit (v2). */
  readonly "swap_limit_bytes"?: number;
  /** Memory and swap (v1). */
  readonly "memory_and_swap_bytes"?: number;
  /** Their limit (v1). */
  readonly "memory_and_swap_limit_bytes"?: number;
  /** 1 where the whole cgroup is killed (v2). */
  readonly "oom_group"?: number;
  /** Percent of the last 10 s in which some task waited for memory. */
  readonly "pressure_some_avg10"?: number;
  /** The same for all tasks. */
  readonly "pressure_full_avg10"?: number;
  /** The greatest users of memory, where the kernel printed its table; 10 at most. */
  readonly "top_tasks"?: readonly OomTopTask[];
  /** Samples of its memory in the two minutes before the kill, the oldest first; 30 and 2 KB at most. */
  readonly "run_up"?: readonly OomRunUpPoint[];
  /** How fast `usage_bytes` grew in the last 10 s of the samples. */
  readonly "growth_bytes_per_second"?: number;
}

/** A container met one of its own memory limits (v2). */
export interface MemoryPressureData {
  /** How often since the last event of this type, as `memory.events.local` counts it. */
  readonly "count": number;
}

/** What a kubelet writes of its node, in the words of Kubernetes' Event. */
export interface NodeEventData {
  readonly "reason": string;
  readonly "message": string;
  readonly "type": "Normal" | "Warning";
}

/** What became known of a container, or became of it, that an earlier event could not tell. */
export interface ContainerUpdateData {
  /** `namespace`, `name`, `image`, `labels`, `pod`, `health`, `restart_count`, `exit_code`. */
  readonly "changed": readonly string[];
  /** The runtime's word for how it ended. */
  readonly "exit_code"?: number;
  /** `starting`, `healthy`, `unhealthy`. */
  readonly "health"?: string;
  /** How often the runtime started it anew by itself. */
  readonly "restart_count"?: number;
}

/** What belongs to one type of event only. */
export interface EventData {
  readonly "oom"?: OomKillData;
  readonly "memory_pressure"?: MemoryPressureData;
  readonly "node_event"?: NodeEventData;
  readonly "container_update"?: ContainerUpdateData;
  readonly "container_deletion"?: { readonly "exit_code": number };
  /** In the event log only. */
  readonly "checkpoint"?: CheckpointData;
  readonly "lost"?: { readonly "count": number; readonly "reason": string };
}

/** What a producer knows of an event; the event manager adds the rest. */
export interface NewEvent {
  /** When it happened, milliseconds since the epoch; a fraction is kept to the microsecond. */
  readonly timestampMs: number;
  readonly type: EventType;
  readonly containerName: CgroupName;
  readonly data?: EventData;
}

/** The wire object: the same in the API, in streams and in the event log. */
export interface Event {
  readonly "seq": number;
  readonly "boot_id": string;
  readonly "node": string;
  /** RFC 3339, UTC, microseconds. */
  readonly "timestamp": string;
  readonly "event_type": EventType | "lost" | "checkpoint";
  readonly "container_name": CgroupName;
  readonly "container"?: EventContainer;
  readonly "event_data": EventData;
}

/** An event as it is kept and passed on: with its time as a number and its JSON made once. */
export interface StoredEvent {
  readonly event: Event;
  readonly timestampMs: number;
  /** The event as one line of JSON, without the newline. */
  readonly json: string;
}

/** What a query or a watch asks for; an absent field asks for anything. */
export interface EventRequest {
  /** Not before this time, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Not after this time. */
  readonly endMs?: number;
  /** @default all types */
  readonly types?: ReadonlySet<EventType>;
  /** The newest so many; −1 for all. @default -1 */
  readonly maxEvents?: number;
  /** @default any container */
  readonly containerName?: CgroupName;
  /** With `containerName`: those below it too. @default false */
  readonly includeSubcontainers?: boolean;
  /** Only events with a greater `seq`. */
  readonly sinceSeq?: number;
}

/** Whether a kept event is one that the request asks for. */
export function matches(request: EventRequest, kept: StoredEvent): boolean {
  const { event, timestampMs } = kept;
  if (event.event_type === "lost" || event.event_type === "checkpoint") {
    return true;
  }
  if (request.sinceSeq !== undefined && event.seq <= request.sinceSeq) {
    return false;
  }
  if (request.startMs !== undefined && timestampMs < request.startMs) {
    return false;
  }
  if (request.endMs !== undefined && timestampMs > request.endMs) return false;
  if (request.types !== undefined && !request.types.has(event.event_type)) {
    return false;
  }
  const wanted = request.containerName;
  if (wanted === undefined || event.container_name === wanted) return true;
  return request.includeSubcontainers === true &&
    isDescendant(event.container_name, wanted);
}

/** A time as RFC 3339 in UTC with microseconds. */
export function formatTimestamp(timestampMs: number): string {
  // Rounded, since 123.456 ms as a double can lie just below.
  const total = Math.round(timestampMs * 1000);
  const ms = Math.floor(total / 1000);
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(total - ms * 1000).padStart(3, "0")}Z`;
}
