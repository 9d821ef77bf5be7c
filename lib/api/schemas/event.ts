/**
 * JSON of events. Their types are in `model/event.ts`.
 *
 * @module
 */

/** Schemas of events, by name. */
export const EVENT_SCHEMAS = {
  Event: {
    "seq": "integer: Number of the event on this node, ascending",
    "boot_id": "string: `/proc/sys/kernel/random/boot_id`",
    "node": "string: Node name",
    "timestamp": "time: When it happened, UTC, microseconds",
    "event_type":
      "'oom' | 'oomKill' | 'containerCreation' | 'containerDeletion' | 'containerUpdate' | 'memoryHigh' | 'memoryMax' | 'nodeEvent' | 'lost' | 'checkpoint': Type; `checkpoint` is in the event log only",
    "container_name":
      "string: Cgroup path; of `oomKill` the cgroup at its limit, `/` for the host",
    "container?": "EventContainer: Identity of the container",
    "event_data": "EventData: Data of this type of event",
  },
  EventContainer: {
    "namespace?": "string: Runtime: `docker`, `containerd`, …",
    "id?": "string: ID that the runtime gave",
    "name?": "string: Name",
    "image?": "string: Image name",
    "aliases?": "[string]: Other names",
    "pod?": "EventPod: Kubernetes pod",
    "parent?": "EventContainer: Enclosing container",
  },
  EventPod: {
    "namespace?": "string: Namespace",
    "name?": "string: Pod name",
    "uid?": "string: Pod UID",
    "container?": "string: Name of the container in the pod",
  },
  EventData: {
    "oom?": "OomKillData: Data of `oom` and `oomKill`",
    "memory_pressure?":
      "MemoryPressureData: Data of `memoryHigh` and `memoryMax`",
    "node_event?": "NodeEventData: Data of `nodeEvent`",
    "container_update?": "ContainerUpdateData: Data of `containerUpdate`",
    "container_deletion?": "ContainerDeletionData: Data of `containerDeletion`",
    "checkpoint?": "CheckpointData: Data of `checkpoint`",
    "lost?": "LostData: Data of `lost`",
  },
  OomKillData: {
    "pid?": "integer: Process ID of the victim; absent if inferred",
    "process_name?": "string: Process name of the victim; absent if inferred",
    "constraint?": "string: `CONSTRAINT_MEMCG`, `CONSTRAINT_NONE`, …",
    "uid?": "integer: User ID of the victim",
    "scope?":
      "'cgroup' | 'host': Whether a cgroup's limit was hit or the host ran out",
    "limit_cgroup?": "string: Cgroup whose limit was hit",
    "victim_cgroup?": "string: Cgroup of the victim",
    "total_vm_bytes?": "integer: Virtual memory, bytes",
    "anon_rss_bytes?": "integer: Anonymous memory, bytes",
    "file_rss_bytes?": "integer: File mappings, bytes",
    "shmem_rss_bytes?": "integer: Shared memory, bytes",
    "pgtables_bytes?": "integer: Page tables, bytes",
    "oom_score_adj?": "integer: `/proc/PID/oom_score_adj`, -1000 to 1000",
    "group?": "boolean: Whether the whole cgroup was killed",
    "incident?": "string: Identity of the OOM incident",
    "sources?": "[string]: Evidence: `kmsg`, `memory.events`, …",
    "attribution?":
      "'exact' | 'inferred': Whether the kernel named the victim, or only a counter increased",
    "historical?": "boolean: Whether it is older than the agent's start",
    "context?": "OomContext: Memory of the cgroup at its limit",
    "kmsg_seq?": "integer: Sequence number of the kernel log record",
    "node_oom_kills?": "integer: OOM kills of the node up to this one",
    "kmsg_read_seq?": "integer: Last kernel log record taken into account",
    "inferred_units?": "integer: Inferred kills whose records may yet arrive",
  },
  OomContext: {
    "limit_bytes?": "integer: Limit, bytes",
    "usage_bytes?": "integer: Usage, bytes",
    "peak_bytes?": "integer: Highest usage, bytes",
    "swap_bytes?": "integer: Swap, bytes (cgroup v2)",
    "swap_limit_bytes?": "integer: Swap limit, bytes (cgroup v2)",
    "memory_and_swap_bytes?": "integer: Memory and swap, bytes (cgroup v1)",
    "memory_and_swap_limit_bytes?": "integer: Their limit, bytes (cgroup v1)",
    "oom_group?": "integer: `memory.oom.group` (cgroup v2)",
    "pressure_some_avg10?": "number: Memory pressure (some), percent of 10 s",
    "pressure_full_avg10?": "number: Memory pressure (full), percent of 10 s",
    "top_tasks?": "[OomTopTask]: Largest processes, 10 at most",
    "run_up?":
      "[OomRunUpPoint]: Samples before the kill, oldest first, 30 at most",
    "growth_bytes_per_second?":
      "number: Growth of `usage_bytes` in the last 10 s",
  },
  OomTopTask: {
    "pid": "integer: Process ID",
    "process_name": "string: Process name, 15 bytes at most",
    "rss_bytes": "integer: Resident memory, bytes",
  },
  OomRunUpPoint: {
    "age_ms": "number: Time before the kill, milliseconds",
    "usage_bytes?": "integer: Usage, bytes",
    "working_set_bytes?": "integer: Working set, bytes",
    "anon_bytes?": "integer: Anonymous memory, bytes",
    "file_bytes?": "integer: Page cache, bytes",
  },
  MemoryPressureData: {
    "count": "integer: Times the limit was hit since the event before",
  },
  NodeEventData: {
    "reason": "string: Reason, such as `SystemOOM`",
    "message": "string: Message",
    "type": "'Normal' | 'Warning': Type",
  },
  ContainerUpdateData: {
    "changed": "[string]: What changed: `name`, `labels`, `health`, …",
    "exit_code?": "integer: Exit code that the runtime reported",
    "health?": "string: `starting`, `healthy` or `unhealthy`",
    "restart_count?": "integer: Restarts by the runtime",
  },
  ContainerDeletionData: {
    "exit_code": "integer: Exit code; -1 if unknown",
  },
  CheckpointData: {
    "kmsg_seq?": "integer: Last kernel log record whose events are logged",
    "kmsg_usec?": "integer: Its time, microseconds of the kernel log's clock",
    "node_oom_kills?": "integer: OOM kills of the node that are logged",
    "inferred_units": "integer: Inferred kills whose records may yet arrive",
  },
  LostData: {
    "count": "integer: Number of events lost",
    "reason": "string: Reason",
  },
} as const satisfies Record<string, Record<string, string>>;
