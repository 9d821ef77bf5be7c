import type { SourceState } from "../model/source_state.ts";
import type { ManagerCounters } from "../manager/manager.ts";
import { counter, type Family, gauge } from "./family.ts";
import { formatLabels } from "./labels.ts";

export interface AgentCounters extends ManagerCounters {
  readonly sources: readonly SourceState[];
  /** Absent without an event log. */
  readonly eventLog?: {
    readonly bytes: number;
    readonly errors: number;
    readonly lost: number;
  };
  readonly http?: { readonly restarts: number };
  readonly streams: { readonly open: number; readonly lost: number };
}

/** Families of the agent. */
export const AGENT_FAMILIES: readonly Family<AgentCounters>[] = [
  counter(
    "cgwatch_events_total",
    "Events by type.",
    ({ events }, emit) => {
      for (const [type, count] of Object.entries(events.totals)) {
        emit(count, `type="${type}"`);
      }
    },
    ["type"],
  ),
  counter(
    "cgwatch_event_log_bytes_total",
    "Bytes written to the event log.",
    ({ eventLog }, emit) => emit(eventLog?.bytes),
  ),
  counter(
    "cgwatch_event_log_errors_total",
    "Errors of opening, writing, renaming or syncing the event log.",
    ({ eventLog }, emit) => emit(eventLog?.errors),
  ),
  counter(
    "cgwatch_event_log_lost_total",
    "Events missing from the event log.",
    ({ eventLog }, emit) => emit(eventLog?.lost),
  ),
  counter(
    "cgwatch_kmsg_records_total",
    "Kernel log records read.",
    ({ kmsg }, emit) => emit(kmsg?.records),
  ),
  counter(
    "cgwatch_kmsg_lost_total",
    "Kernel log records overwritten before they were read.",
    ({ kmsg }, emit) => emit(kmsg?.lost),
  ),
  counter(
    "cgwatch_kmsg_malformed_total",
    "Invalid lines of a kernel log that is a FIFO or a file.",
    ({ kmsg }, emit) => emit(kmsg?.malformed),
  ),
  gauge(
    "cgwatch_source_up",
    "State of a data source: 1 for ok, 0 for degraded; absent if off.",
    ({ sources }, emit) => {
      for (const { name, state } of sources) {
        if (state === "off") continue;
        emit(state === "ok" ? 1 : 0, formatLabels([["source", name]]));
      }
    },
    ["source"],
  ),
  gauge(
    "cgwatch_watched_directories",
    "Cgroup directories watched with inotify.",
    ({ directories }, emit) => emit(directories),
  ),
  counter(
    "cgwatch_rescans_total",
    "Scans of all cgroups by reason.",
    ({ rescans }, emit) => {
      for (const [reason, count] of Object.entries(rescans)) {
        emit(count, `reason="${reason}"`);
      }
    },
    ["reason"],
  ),
  gauge(
    "cgwatch_containers",
    "Containers now.",
    ({ containers }, emit) => emit(containers),
  ),
  {
    name: "cgwatch_housekeeping_seconds",
    help: "Duration of one container sample in seconds.",
    type: "histogram",
    labels: ["le"],
    values({ housekeeping }, emit) {
      let count = 0;
      for (const [bound, total] of housekeeping.buckets()) {
        const le = bound === Infinity ? "+Inf" : bound;
        emit(total, `le="${le}"`, "_bucket");
        count = total;
      }
      emit(housekeeping.sum, "", "_sum");
      emit(count, "", "_count");
    },
  },
  gauge(
    "cgwatch_streams",
    "Open event streams.",
    ({ streams }, emit) => emit(streams.open),
  ),
  counter(
    "cgwatch_stream_lost_total",
    "Events not sent to streams because the client was too slow.",
    ({ streams }, emit) => emit(streams.lost),
  ),
  counter(
    "cgwatch_http_restarts_total",
    "Restarts of a failed HTTP listener, for example for lack of file descriptors.",
    ({ http }, emit) => emit(http?.restarts),
  ),
  counter(
    "cgwatch_oom_kills_total",
    "Processes on the node killed by the OOM killer in this run of the agent.",
    ({ oomKills }, emit) => emit(oomKills),
  ),
];
