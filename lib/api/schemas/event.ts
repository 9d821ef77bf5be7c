/**
 * Schemas of events, in the notation of `schema.ts`; event types are in
 * `model/event.ts`.
 *
 * @module
 */

/** Keyed by name. */
export const EVENT_SCHEMAS = {
  Event: {
    "seq":
      "integer: Increases by one per event of this node; continues after a restart if the event log is a file",
    "boot_id":
      "string: Boot ID of the kernel (`/proc/sys/kernel/random/boot_id`)",
    "node": "string: `--node-name`, or the host name",
    "timestamp": "time: Time of the event: RFC 3339, UTC, microseconds",
    "event_type":
      "'oom' | 'oomKill' | 'containerCreation' | 'containerDeletion' | 'containerUpdate' | 'memoryHigh' | 'memoryMax' | 'nodeEvent' | 'lost' | 'checkpoint': Type; `checkpoint` is in the event log only",
    "container_name":
      "string: Cgroup path; for `oomKill` the cgroup whose limit was hit, `/` if the machine ran out of memory",
    "container?":
      "EventContainer: Identity of the container; absent for raw cgroups",
    "event_data": "EventData: Data of the type, or `{}`",
  },
  EventContainer: {
    "namespace?":
      "string: `docker`, `podman`, `containerd`, `crio`, `runc`, `crun`, `rkt`; `systemd` for units",
    "id?": "string: ID that the runtime assigned; absent for units and pods",
    "name?":
      "string: Name in the runtime; for a unit the name as systemd shows it, with escapes",
    "image?": "string: Image as specified when the container was created",
    "aliases?": "[string]: Names that the API accepts, as in cAdvisor",
    "pod?": "EventPod: Kubernetes pod; the cgroup of a pod has only this field",
    "parent?": "EventContainer: Enclosing container, as with Docker in Docker",
  },
  EventPod: {
    "namespace?": "string: Kubernetes namespace",
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
    "pid?": "integer: `oomKill`: killed process; absent if inferred",
    "process_name?":
      "string: `oomKill`: its name, up to 15 bytes; absent if inferred",
    "constraint?":
      "string: Constraint of the allocation: `CONSTRAINT_MEMCG`, `_NONE`, `_CPUSET`, `_MEMORY_POLICY`",
    "uid?": "integer: User ID of the process",
    "scope?":
      "'cgroup' | 'host': `cgroup`: a limit was hit; `host`: the machine, a cpuset or a memory policy ran out of memory",
    "limit_cgroup?": "string: Cgroup whose limit was hit",
    "victim_cgroup?":
      "string: Cgroup of the process; absent unless the kernel log, `/proc` or the counters prove it",
    "total_vm_bytes?": "integer: `oomKill`: virtual memory",
    "anon_rss_bytes?": "integer: `oomKill`: resident anonymous memory",
    "file_rss_bytes?": "integer: `oomKill`: resident file mappings",
    "shmem_rss_bytes?": "integer: `oomKill`: resident shared memory",
    "pgtables_bytes?": "integer: `oomKill`: page tables",
    "oom_score_adj?": "integer: `/proc/PID/oom_score_adj`, -1000 to 1000",
    "group?":
      "boolean: `oomKill`: whether all processes of a cgroup were killed (`memory.oom.group`); absent if unknown",
    "incident?":
      "string: Identifier of the incident, shared by its `oom` and `oomKill` events",
    "sources?":
      "[string]: `kmsg`, `memory.oom_control` (v1), `memory.events.local`, `memory.events` (v2), `vmstat`",
    "attribution?":
      "'exact' | 'inferred': `exact`: the kernel named the process; `inferred`: only a counter increased",
    "historical?": "boolean: Whether it happened before the agent started",
    "context?":
      "OomContext: `oomKill`: state of the cgroup whose limit was hit",
    "kmsg_seq?": "integer: Sequence number of the kernel log record",
    "node_oom_kills?":
      "integer: `oomKill`: increments of the node counter (`oom_kill` in `/proc/vmstat`) accounted for, including this kill",
    "kmsg_read_seq?":
      "integer: Inferred `oomKill`: sequence number of the last kernel log record accounted for",
    "inferred_units?":
      "integer: `oomKill`: inferred kills whose records may still arrive; absent for 0",
  },
  OomContext: {
    "limit_bytes?": "integer: Limit, bytes",
    "usage_bytes?": "integer: Usage, bytes",
    "peak_bytes?": "integer: Highest usage, bytes",
    "swap_bytes?": "integer: Swap, bytes (cgroup v2)",
    "swap_limit_bytes?": "integer: Swap limit, bytes (cgroup v2)",
    "memory_and_swap_bytes?": "integer: Memory and swap, bytes (cgroup v1)",
    "memory_and_swap_limit_bytes?":
      "integer: Limit of memory and swap, bytes (cgroup v1)",
    "oom_group?": "integer: `memory.oom.group` (cgroup v2)",
    "pressure_some_avg10?":
      "number: Percent of the last 10 s in which some task waited for memory (cgroup v2)",
    "pressure_full_avg10?":
      "number: Percent of the last 10 s in which all tasks waited for memory (cgroup v2)",
    "top_tasks?":
      "[OomTopTask]: Up to 10 largest processes, if the kernel printed its task table",
    "run_up?":
      "[OomRunUpPoint]: Samples of the 2 minutes before the kill, oldest first; up to 30 and 2 KB",
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
    "kmsg_seq?":
      "integer: Last kernel log record whose events are in the log; absent if none was read",
    "kmsg_usec?": "integer: Time of this record, in microseconds since boot",
    "node_oom_kills?":
      "integer: Increments of the node counter (`oom_kill` in `/proc/vmstat`) accounted for; absent if the kernel has no counter",
    "inferred_units": "integer: Inferred kills whose records may still arrive",
  },
  LostData: {
    "count": "integer: Number of events lost",
    "reason": "string: Reason",
  },
} as const satisfies Record<string, Record<string, string>>;
