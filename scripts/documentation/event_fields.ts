/**
 * Descriptions of event fields. Their names and types are checked against
 * `lib/model/event.ts` by the compiler.
 *
 * @module
 */
import type {
  CheckpointData,
  Event,
  EventContainer,
  EventPod,
  OomContext,
  OomKillData,
  OomRunUpPoint,
  OomTopTask,
} from "../../lib/model/event.ts";

/** JSON type and meaning of fields, by name. */
export type Fields = Readonly<Record<string, readonly [string, string]>>;

type JsonType<T> = T extends boolean ? "boolean"
  : T extends number ? "number"
  : T extends string ? "string"
  : T extends readonly string[] ? "array of strings"
  : T extends readonly unknown[] ? "array"
  : "object";

type FieldsOf<T> = {
  readonly [K in keyof T]-?: readonly [JsonType<NonNullable<T[K]>>, string];
};

/** Types of events: when, `container_name` and `event_data`. */
export const EVENT_TYPE_ROWS: Readonly<
  Record<Event["event_type"], readonly [string, string, string]>
> = {
  containerCreation: [
    "a container was created; also for each container found at start",
    "the container",
    "`{}`",
  ],
  containerDeletion: [
    "the cgroup was removed",
    "the container",
    "`container_deletion.exit_code`; −1 if unknown",
  ],
  containerUpdate: [
    "identity, health, restarts or exit code became known or changed",
    "the container",
    "`container_update.changed` and the new values",
  ],
  oom: [
    "once per OOM incident: a limit was hit, or the machine ran out of memory",
    "the cgroup of the victim; `/` if unknown",
    "`oom`",
  ],
  oomKill: [
    "once per killed process",
    "the cgroup whose limit was hit; `/` for the machine",
    "`oom`",
  ],
  memoryHigh: [
    "with `--pressure-events`: usage exceeded `memory.high`",
    "the cgroup with this limit",
    "`memory_pressure.count`",
  ],
  memoryMax: [
    "with `--pressure-events`: usage was about to exceed `memory.max`",
    "the cgroup with this limit",
    "`memory_pressure.count`",
  ],
  nodeEvent: [
    "with `--node-events`: a process was killed because the machine ran out of memory",
    "`/`",
    "`node_event.reason`, `.message`, `.type`",
  ],
  checkpoint: [
    "event log only: first line of each file, at stop, and on changes without an event",
    "`/`",
    "`checkpoint`: `kmsg_seq`, `kmsg_usec`, `node_oom_kills`, `inferred_units`",
  ],
  lost: [
    "streams and event log only: events are missing here",
    "`/`",
    "`lost.count`, `lost.reason`",
  ],
};

/** Fields of each event. */
export const EVENT_FIELDS: FieldsOf<Event> = {
  seq: [
    "number",
    "increases by one per event of this node; continues after a restart if the event log is a file",
  ],
  "boot_id": ["string", "boot ID of the kernel"],
  node: ["string", "`--node-name`, or the host name"],
  timestamp: ["string", "time of the event: RFC 3339, UTC, microseconds"],
  "event_type": ["string", "see above"],
  "container_name": ["string", "cgroup name"],
  container: ["object", "identity; absent for raw cgroups"],
  "event_data": ["object", "data of the type, or `{}`"],
};

/** Fields of `container`. */
export const CONTAINER_FIELDS: FieldsOf<EventContainer> = {
  namespace: [
    "string",
    "`docker`, `podman`, `containerd`, `crio`, `runc`, `crun`, `rkt`; `systemd` for units",
  ],
  id: ["string", "ID of the runtime; absent for units and pods"],
  name: [
    "string",
    "name of the runtime; the name of a unit as systemd shows it, with escapes such as `\\x2d`",
  ],
  image: ["string", "image as it was requested"],
  aliases: ["array of strings", "names that the API accepts, as in cAdvisor"],
  pod: [
    "object",
    "Kubernetes pod; the cgroup of a pod has only this field",
  ],
  parent: [
    "object",
    "enclosing container, as with Docker in Docker: the same fields",
  ],
};

/** Fields of `container.pod`. */
export const POD_FIELDS: FieldsOf<EventPod> = {
  namespace: ["string", "Kubernetes namespace"],
  name: ["string", "name of the pod"],
  uid: ["string", "UID of the pod"],
  container: ["string", "name of the container in the pod"],
};

/** Fields of `event_data.oom`. */
export const OOM_FIELDS: FieldsOf<OomKillData> = {
  pid: ["number", "`oomKill`: killed process"],
  "process_name": ["string", "`oomKill`: its name, up to 15 bytes"],
  constraint: [
    "string",
    "reason of the kernel: `CONSTRAINT_MEMCG`, `_NONE`, `_CPUSET`, `_MEMORY_POLICY`",
  ],
  uid: ["number", "user ID of the process"],
  scope: [
    "string",
    "`cgroup`: a limit was hit; `host`: the machine, a cpuset or a memory policy ran out of memory",
  ],
  "limit_cgroup": ["string", "cgroup whose limit was hit"],
  "victim_cgroup": ["string", "cgroup of the process"],
  "total_vm_bytes": ["number", "`oomKill`: virtual memory"],
  "anon_rss_bytes": ["number", "`oomKill`: resident anonymous memory"],
  "file_rss_bytes": ["number", "`oomKill`: resident file mappings"],
  "shmem_rss_bytes": ["number", "`oomKill`: resident shared memory"],
  "pgtables_bytes": ["number", "`oomKill`: page tables"],
  "oom_score_adj": ["number", "`oomKill`: adjustment of its OOM score"],
  group: [
    "boolean",
    "`oomKill`: whether all processes of a cgroup were killed (`memory.oom.group`); absent if unknown",
  ],
  incident: ["string", "same for the `oom` and all `oomKill` of an incident"],
  sources: [
    "array of strings",
    "where it was seen: `kmsg`, `memory.oom_control` (v1), `memory.events.local`, `memory.events` (v2), `vmstat`",
  ],
  attribution: [
    "string",
    "`exact`: the kernel named the process; `inferred`: only a counter increased",
  ],
  historical: ["boolean", "whether it happened before the agent started"],
  context: ["object", "`oomKill`: state of the cgroup at its limit, see below"],
  "kmsg_seq": ["number", "sequence number of the kernel log record"],
  "node_oom_kills": [
    "number",
    "`oomKill`: increments of the node counter accounted for, including this one",
  ],
  "kmsg_read_seq": [
    "number",
    "inferred `oomKill`: last kernel log record accounted for",
  ],
  "inferred_units": [
    "number",
    "`oomKill`: inferred kills whose records may still arrive; absent for 0",
  ],
};

/** Fields of `event_data.oom.context`. */
export const CONTEXT_FIELDS: FieldsOf<OomContext> = {
  "limit_bytes": ["number", "memory limit"],
  "usage_bytes": ["number", "memory usage"],
  "peak_bytes": ["number", "highest memory usage"],
  "swap_bytes": ["number", "v2: swap usage"],
  "swap_limit_bytes": ["number", "v2: swap limit"],
  "memory_and_swap_bytes": ["number", "v1: usage of memory and swap"],
  "memory_and_swap_limit_bytes": ["number", "v1: limit of memory and swap"],
  "oom_group": ["number", "v2: 1 if the OOM killer kills the whole cgroup"],
  "pressure_some_avg10": [
    "number",
    "v2: percent of the last 10 s in which some task waited for memory",
  ],
  "pressure_full_avg10": [
    "number",
    "v2: percent of the last 10 s in which all tasks waited for memory",
  ],
  "top_tasks": [
    "array",
    "up to 10 largest processes, if the kernel printed its task table",
  ],
  "run_up": [
    "array",
    "samples of the 2 minutes before the kill, oldest first; up to 30 and 2 KB",
  ],
  "growth_bytes_per_second": [
    "number",
    "growth of the usage in the last 10 s of the samples",
  ],
};

/** Fields of `top_tasks`. */
export const TASK_FIELDS: FieldsOf<OomTopTask> = {
  pid: ["number", "process ID in the PID namespace of the host"],
  "process_name": ["string", "name, up to 15 bytes"],
  "rss_bytes": ["number", "resident memory"],
};

/** Fields of `run_up`. */
export const RUN_UP_FIELDS: FieldsOf<OomRunUpPoint> = {
  "age_ms": ["number", "milliseconds before the kill"],
  "usage_bytes": ["number", "memory usage"],
  "working_set_bytes": ["number", "usage without inactive file pages"],
  "anon_bytes": ["number", "anonymous memory"],
  "file_bytes": ["number", "page cache"],
};

/** Fields of `checkpoint`. */
export const CHECKPOINT_FIELDS: FieldsOf<CheckpointData> = {
  "kmsg_seq": [
    "number",
    "last kernel log record whose events are in the log; absent if none was read",
  ],
  "kmsg_usec": ["number", "time of this record, in microseconds since boot"],
  "node_oom_kills": [
    "number",
    "increments of the node counter accounted for; absent if the kernel has no counter",
  ],
  "inferred_units": [
    "number",
    "inferred kills whose records may still arrive",
  ],
};
