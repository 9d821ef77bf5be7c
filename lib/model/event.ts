import { type CgroupName, isDescendant } from "./cgroup.ts";

/** Event types that are stored and can be queried. */
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

export type EventType = typeof EVENT_TYPES[number];

export interface EventPod {
  readonly "namespace"?: string;
  readonly "name"?: string;
  readonly "uid"?: string;
  readonly "container"?: string;
}

/** Unknown fields are absent. */
export interface EventContainer {
  readonly "namespace"?: string;
  readonly "id"?: string;
  readonly "name"?: string;
  readonly "image"?: string;
  readonly "aliases"?: readonly string[];
  readonly "pod"?: EventPod;
  /** Enclosing container, for example of Docker in Docker. */
  readonly "parent"?: EventContainer;
}

/** A process killed by the OOM killer. Sizes are bytes. */
export interface OomKillData {
  readonly "pid"?: number;
  readonly "process_name"?: string;
  /** `CONSTRAINT_NONE`, `_CPUSET`, `_MEMORY_POLICY`, `_MEMCG`. */
  readonly "constraint"?: string;
  readonly "uid"?: number;
  /** `cgroup` if a limit was hit, `host` if the machine ran out of memory. */
  readonly "scope"?: "cgroup" | "host";
  readonly "limit_cgroup"?: CgroupName;
  readonly "victim_cgroup"?: CgroupName;
  readonly "total_vm_bytes"?: number;
  readonly "anon_rss_bytes"?: number;
  readonly "file_rss_bytes"?: number;
  readonly "shmem_rss_bytes"?: number;
  readonly "pgtables_bytes"?: number;
  readonly "oom_score_adj"?: number;
  /** Whether all processes of the cgroup were killed (`memory.oom.group`). */
  readonly "group"?: boolean;
  /**
   * Boot ID and kmsg sequence number of the start of the incident, the same for
   * all its victims.
   */
  readonly "incident"?: string;
  /** Data sources of the kill: `kmsg`, `memory.events`, …. */
  readonly "sources"?: readonly string[];
  /**
   * `exact` if the kernel named the victim, `inferred` if only a counter
   * increased.
   */
  readonly "attribution"?: "exact" | "inferred";
  /**
   * Whether it occurred before the agent started, and no earlier run reported
   * it.
   */
  readonly "historical"?: boolean;
  readonly "context"?: OomContext;
  /** Sequence number of the kmsg record of the kill. */
  readonly "kmsg_seq"?: number;
  /**
   * In `oomKill`: increments of the node's OOM kill counter (`oom_kill` in
   * `/proc/vmstat`) accounted for, including this kill.
   */
  readonly "node_oom_kills"?: number;
  /** In an inferred `oomKill`: the last kmsg record accounted for. */
  readonly "kmsg_read_seq"?: number;
  /**
   * In `oomKill`: number of inferred kills whose records may still arrive;
   * absent for 0.
   */
  readonly "inferred_units"?: number;
}

/**
 * State for a restart: how far the kernel log and the node's OOM kill counter
 * are accounted for.
 */
export interface CheckpointData {
  /**
   * The last kernel log record whose events are all in the event log; absent if none
   * was read.
   */
  readonly "kmsg_seq"?: number;
  /** Time of that record, microseconds on the kernel log's clock. */
  readonly "kmsg_usec"?: number;
  /**
   * Increments of the node's OOM kill counter accounted for; absent if unknown,
   * or if the kernel has no counter.
   */
  readonly "node_oom_kills"?: number;
  /** Number of inferred kills whose records may still arrive. */
  readonly "inferred_units": number;
}

/** A process in the kernel's task dump of an OOM kill. */
export interface OomTopTask {
  /** Process ID in the PID namespace of the host. */
  readonly "pid": number;
  /** The first 15 bytes of the name. */
  readonly "process_name": string;
  /** Resident memory, bytes. */
  readonly "rss_bytes": number;
}

/**
 * One memory sample of a cgroup before a kill. Bytes; absent if not collected.
 */
export interface OomRunUpPoint {
  /** Milliseconds before the kill. */
  readonly "age_ms": number;
  readonly "usage_bytes"?: number;
  readonly "working_set_bytes"?: number;
  readonly "anon_bytes"?: number;
  readonly "file_bytes"?: number;
}

/**
 * State of the cgroup at its limit, as read after the kill; unavailable values
 * are absent. cgroup v1 counts memory and swap together.
 */
export interface OomContext {
  /** Memory limit. */
  readonly "limit_bytes"?: number;
  /** Memory usage. */
  readonly "usage_bytes"?: number;
  /** Maximum memory usage. */
  readonly "peak_bytes"?: number;
  /** Swap usage (v2). */
  readonly "swap_bytes"?: number;
  /** Swap limit (v2). */
  readonly "swap_limit_bytes"?: number;
  /** Memory and swap usage (v1). */
  readonly "memory_and_swap_bytes"?: number;
  /** Memory and swap limit (v1). */
  readonly "memory_and_swap_limit_bytes"?: number;
  /** `memory.oom.group`: 1 if the whole cgroup is killed (v2). */
  readonly "oom_group"?: number;
  /** Percent of the last 10 s in which some task waited for memory. */
  readonly "pressure_some_avg10"?: number;
  /** Percent of the last 10 s in which all tasks waited for memory. */
  readonly "pressure_full_avg10"?: number;
  /** Largest memory users of the kernel's task dump, at most 10. */
  readonly "top_tasks"?: readonly OomTopTask[];
  /**
   * Memory samples of the two minutes before the kill, oldest first; at most
   * 30, 2 KB.
   */
  readonly "run_up"?: readonly OomRunUpPoint[];
  /** Growth rate of `usage_bytes` over the last 10 s of the samples. */
  readonly "growth_bytes_per_second"?: number;
}

/** A container hit one of its own memory limits (v2). */
export interface MemoryPressureData {
  /** Increase of `memory.events.local` since the last event of this type. */
  readonly "count": number;
}

/** A kubelet's event of the node, with the fields of a Kubernetes Event. */
export interface NodeEventData {
  readonly "reason": string;
  readonly "message": string;
  readonly "type": "Normal" | "Warning";
}

/** Changes of a container's metadata or state since its earlier events. */
export interface ContainerUpdateData {
  /** `namespace`, `name`, `image`, `labels`, `pod`, `health`, `restart_count`, `exit_code`. */
  readonly "changed": readonly string[];
  /** Exit code from the runtime. */
  readonly "exit_code"?: number;
  /** `starting`, `healthy`, `unhealthy`. */
  readonly "health"?: string;
  /** Number of automatic restarts by the runtime. */
  readonly "restart_count"?: number;
}

/** Each field belongs to one event type. */
export interface EventData {
  readonly "oom"?: OomKillData;
  readonly "memory_pressure"?: MemoryPressureData;
  readonly "node_event"?: NodeEventData;
  readonly "container_update"?: ContainerUpdateData;
  readonly "container_deletion"?: { readonly "exit_code": number };
  /** Present in the event log only. */
  readonly "checkpoint"?: CheckpointData;
  readonly "lost"?: { readonly "count": number; readonly "reason": string };
}

/** An event, before the event manager completes it. */
export interface NewEvent {
  /** Milliseconds since the epoch; a fraction is kept to microseconds. */
  readonly timestampMs: number;
  readonly type: EventType;
  readonly containerName: CgroupName;
  readonly data?: EventData;
}

/** The JSON object, the same in the API, streams and the event log. */
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

/** A stored event with its JSON, serialized once. */
export interface StoredEvent {
  readonly event: Event;
  readonly timestampMs: number;
  /** One line of JSON, without the newline. */
  readonly json: string;
}

/** An absent field selects all events. */
export interface EventRequest {
  /** Inclusive, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Inclusive, milliseconds since the epoch. */
  readonly endMs?: number;
  /** @default all types */
  readonly types?: ReadonlySet<EventType>;
  /** Number of newest events; −1 for all. @default -1 */
  readonly maxEvents?: number;
  /** @default any container */
  readonly containerName?: CgroupName;
  /** Includes descendants of `containerName`. @default false */
  readonly includeSubcontainers?: boolean;
  /** Selects events with a higher `seq`. */
  readonly sinceSeq?: number;
}

/** `lost` and `checkpoint` always match. */
export function matches(request: EventRequest, stored: StoredEvent): boolean {
  const { event, timestampMs } = stored;
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
  const name = request.containerName;
  if (name === undefined || event.container_name === name) return true;
  return request.includeSubcontainers === true &&
    isDescendant(event.container_name, name);
}

/** Formats RFC 3339, UTC, with microseconds. */
export function formatTimestamp(timestampMs: number): string {
  // 123.456 ms as a double may be slightly less.
  const total = Math.round(timestampMs * 1000);
  const ms = Math.floor(total / 1000);
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(total - ms * 1000).padStart(3, "0")}Z`;
}
