import { type CgroupName, isDescendant } from "./cgroup.ts";

/** Types that are stored and can be queried. */
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
  /** Enclosing container, as for Docker in Docker. */
  readonly "parent"?: EventContainer;
}

/** A process killed by the OOM killer. */
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
  /** All processes of the cgroup were killed (`memory.oom.group`). */
  readonly "group"?: boolean;
  /**
   * Boot ID and kmsg sequence number of the incident's start, the same for all
   * its victims.
   */
  readonly "incident"?: string;
  /** `kmsg`, `memory.events`, …. */
  readonly "sources"?: readonly string[];
  /** `exact` if the kernel named the victim, `inferred` from a counter. */
  readonly "attribution"?: "exact" | "inferred";
  /**
   * Whether it occurred before the agent started, unreported by earlier runs.
   */
  readonly "historical"?: boolean;
  readonly "context"?: OomContext;
  /** Sequence number of the kill's kmsg record. */
  readonly "kmsg_seq"?: number;
  /**
   * In `oomKill`: increments of `oom_kill` in `/proc/vmstat` accounted for,
   * including this kill.
   */
  readonly "node_oom_kills"?: number;
  /** In an inferred `oomKill`: the last kmsg record accounted for. */
  readonly "kmsg_read_seq"?: number;
  /**
   * In `oomKill`: inferred kills whose records may still arrive; absent for 0.
   */
  readonly "inferred_units"?: number;
}

/**
 * For a restart: how far the kernel log and the OOM kill counter are accounted
 * for.
 */
export interface CheckpointData {
  /**
   * Last record whose events are all in the event log; absent if none was read.
   */
  readonly "kmsg_seq"?: number;
  /** Time of that record, on the log's clock. */
  readonly "kmsg_usec"?: number;
  /** As in {@linkcode OomKillData}; absent if unknown or not counted. */
  readonly "node_oom_kills"?: number;
  readonly "inferred_units": number;
}

/** A process in the kernel's task dump. */
export interface OomTopTask {
  /** In the host's PID namespace. */
  readonly "pid": number;
  /** First 15 bytes. */
  readonly "process_name": string;
  readonly "rss_bytes": number;
}

/** Absent values were not collected. */
export interface OomRunUpPoint {
  readonly "age_ms": number;
  readonly "usage_bytes"?: number;
  readonly "working_set_bytes"?: number;
  readonly "anon_bytes"?: number;
  readonly "file_bytes"?: number;
}

/**
 * The cgroup at its limit, read after the kill; unavailable values are absent.
 */
export interface OomContext {
  readonly "limit_bytes"?: number;
  readonly "usage_bytes"?: number;
  readonly "peak_bytes"?: number;
  /** v2. */
  readonly "swap_bytes"?: number;
  /** v2. */
  readonly "swap_limit_bytes"?: number;
  /** v1. */
  readonly "memory_and_swap_bytes"?: number;
  /** v1. */
  readonly "memory_and_swap_limit_bytes"?: number;
  /** `memory.oom.group` (v2): 1 if the whole cgroup is killed. */
  readonly "oom_group"?: number;
  /** Percent of the last 10 s in which some task waited for memory. */
  readonly "pressure_some_avg10"?: number;
  /** Percent in which all tasks waited. */
  readonly "pressure_full_avg10"?: number;
  /** Largest users in the task dump, at most 10. */
  readonly "top_tasks"?: readonly OomTopTask[];
  /** Two minutes before the kill, oldest first; at most 30, 2 KB. */
  readonly "run_up"?: readonly OomRunUpPoint[];
  /** Growth of `usage_bytes` over the last 10 s. */
  readonly "growth_bytes_per_second"?: number;
}

/** A container hit one of its own memory limits (v2). */
export interface MemoryPressureData {
  /** Increase of `memory.events.local` since the last such event. */
  readonly "count": number;
}

/** A kubelet's event of the node; fields of a Kubernetes Event. */
export interface NodeEventData {
  readonly "reason": string;
  readonly "message": string;
  readonly "type": "Normal" | "Warning";
}

/** Changes since earlier events. */
export interface ContainerUpdateData {
  /** `namespace`, `name`, `image`, `labels`, `pod`, `health`, `restart_count`, `exit_code`. */
  readonly "changed": readonly string[];
  /** From the runtime. */
  readonly "exit_code"?: number;
  /** `starting`, `healthy`, `unhealthy`. */
  readonly "health"?: string;
  readonly "restart_count"?: number;
}

/** Each field belongs to one event type. */
export interface EventData {
  readonly "oom"?: OomKillData;
  readonly "memory_pressure"?: MemoryPressureData;
  readonly "node_event"?: NodeEventData;
  readonly "container_update"?: ContainerUpdateData;
  readonly "container_deletion"?: { readonly "exit_code": number };
  /** Only in the event log. */
  readonly "checkpoint"?: CheckpointData;
  readonly "lost"?: { readonly "count": number; readonly "reason": string };
}

/** An event, before the event manager completes it. */
export interface NewEvent {
  /** Milliseconds since the epoch, precise to microseconds. */
  readonly timestampMs: number;
  readonly type: EventType;
  readonly containerName: CgroupName;
  readonly data?: EventData;
}

/** JSON in the API, streams and the event log. */
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

/** A stored event, serialized once. */
export interface StoredEvent {
  readonly event: Event;
  readonly timestampMs: number;
  /** One line, without the newline. */
  readonly json: string;
}

/** Absent fields select all events. */
export interface EventRequest {
  /** Inclusive, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Inclusive. */
  readonly endMs?: number;
  /** @default all types */
  readonly types?: ReadonlySet<EventType>;
  /** Newest events; −1 for all. @default -1 */
  readonly maxEvents?: number;
  /** @default any container */
  readonly containerName?: CgroupName;
  /** Includes descendants of `containerName`. @default false */
  readonly includeSubcontainers?: boolean;
  /** Higher `seq` only. */
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

/** Formats RFC 3339, UTC, microseconds. */
export function formatTimestamp(timestampMs: number): string {
  // As a double, 123.456 ms may be slightly less.
  const total = Math.round(timestampMs * 1000);
  const ms = Math.floor(total / 1000);
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(total - ms * 1000).padStart(3, "0")}Z`;
}
