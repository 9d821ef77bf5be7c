import type { Event } from "../../lib/model/event.ts";

/** Per event type: when, `container_name` and `event_data`. */
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
    "event log only: first line of each file, at stop, and if its data changes without an event",
    "`/`",
    "`checkpoint`: `kmsg_seq`, `kmsg_usec`, `node_oom_kills`, `inferred_units`",
  ],
  lost: [
    "streams and event log only: events are missing here",
    "`/`",
    "`lost.count`, `lost.reason`",
  ],
};
