/**
 * JSON of `/api/v2.1/explain`; its types are in `explain/oom_story.ts`.
 *
 * @module
 */
import { EVENT_SCHEMAS } from "./event.ts";

const { "top_tasks?": topTasks, "run_up?": runUp, ...LIMIT } =
  EVENT_SCHEMAS.OomContext;

/** Keyed by name. */
export const EXPLAIN_SCHEMAS = {
  OomIncidents: {
    "last_hour": "integer: Kills in the last hour",
    "last_day": "integer: Kills in the last 24 hours",
    "incidents": "[OomIncident]: Newest first",
  },
  OomIncident: {
    "seq": "integer: `seq` of its first kill",
    "timestamp": "time: Time of its first kill: RFC 3339, UTC, microseconds",
    "incident?": "string: Incident of the events",
    "container?": "EventContainer: Container of the first killed process",
    "cgroup": "string: Cgroup of the first killed process",
    "process?": "string: Name of the first killed process",
    "reason": "string: Reason, such as `container limit 32.0 MiB`",
    "kills": "integer: Processes killed",
  },
  OomExplanation: {
    "sentence": "string: One or more sentences, as `cgwatch explain` prints",
    "summary":
      "string: One line, such as `tail[19801]: container limit 32.0 MiB`",
    "rows":
      "[[string]]: Label and value of each line of the table of `cgwatch explain`",
    "story": "OomStory: All recorded values",
  },
  OomStory: {
    "incident?": "string: Incident of the events",
    "node": "string: Node of the events",
    "boot_id": "string: Boot ID of the kernel",
    "timestamp": "time: Time of the first kill: RFC 3339, UTC, microseconds",
    "scope?": EVENT_SCHEMAS.OomKillData["scope?"],
    "constraint?": EVENT_SCHEMAS.OomKillData["constraint?"],
    "group?": EVENT_SCHEMAS.OomKillData["group?"],
    "limit?": "OomLimit: The limit that was hit, and the usage of its cgroup",
    "victims": "[OomVictim]: The explained kill first, then the others by time",
    "run_up?": runUp,
    "top_tasks?": topTasks,
    "kills?": "OomKillCounts: Kills of the container of the explained kill",
    "not_recorded": "[string]: What is not recorded, as noun phrases",
  },
  OomVictim: {
    "seq": "integer: `seq` of the event",
    "timestamp": "time: Time of the event: RFC 3339, UTC, microseconds",
    "pid?": "integer: Process ID",
    "process_name?": "string: Process name, up to 15 bytes",
    "uid?": "integer: User ID",
    "cgroup?": "string: Cgroup of the process",
    "container?": "EventContainer: Container of the process",
    "unit?": "string: Innermost systemd unit",
    "total_vm_bytes?": "integer: Virtual memory",
    "anon_rss_bytes?": "integer: Resident anonymous memory",
    "file_rss_bytes?": "integer: Resident file mappings",
    "shmem_rss_bytes?": "integer: Resident shared memory",
    "pgtables_bytes?": "integer: Page tables",
    "oom_score_adj?": "integer: `/proc/PID/oom_score_adj`, -1000 to 1000",
    "oom_score_adj_rule?":
      "string: Origin of the value, such as `kubelet: Burstable`",
    "attribution?": EVENT_SCHEMAS.OomKillData["attribution?"],
    "sources?": EVENT_SCHEMAS.OomKillData["sources?"],
    "historical?": EVENT_SCHEMAS.OomKillData["historical?"],
  },
  OomLimit: {
    "cgroup": "string: Cgroup whose limit was hit",
    "owner":
      "'container' | 'pod' | 'unit' | 'cgroup': What the cgroup belongs to",
    "unit?": "string: The systemd unit, if `owner` is `unit`",
    ...LIMIT,
  },
  OomKillCounts: {
    "of": "string: Container, pod, unit or cgroup that is counted",
    "last_hour": "integer: In the hour up to and including the incident",
    "last_day": "integer: In the 24 hours up to and including the incident",
    "log": "integer: In all stored events",
    "log_since?": "time: Time of the oldest event, if a log file was read",
  },
} as const satisfies Record<string, Record<string, string>>;
