import type { SourceState } from "../model/source_state.ts";
import type { ManagerCounters } from "../manager/manager.ts";
import { counter, type Family, gauge } from "./family.ts";
import { formatLabels } from "./labels.ts";

/** What the agent has done in this run, and how it fares. */
export interface AgentCounters extends ManagerCounters {
  readonly sources: readonly SourceState[];
  /** Absent where there is no event log. */
  readonly eventLog?: {
    readonly bytes: number;
    readonly errors: number;
    readonly lost: number;
  };
  /** Absent where there is no server. */
  readonly http?: { readonly restarts: number };
  readonly streams: { readonly open: number; readonly lost: number };
}

/** What the agent tells of itself. */
export const AGENT_FAMILIES: readonly Family<AgentCounters>[] = [
  counter(
    "cgwatch_events_total",
    "Events, by type.",
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
    "What failed with the event log: opening, writing, renaming, syncing.",
    ({ eventLog }, emit) => emit(eventLog?.errors),
  ),
  counter(
    "cgwatch_event_log_lost_total",
    "Events that are not in the event log.",
    ({ eventLog }, emit) => emit(eventLog?.lost),
  ),
  counter(
    "cgwatch_kmsg_records_total",
    "Records of the kernel log that were read.",
    ({ kmsg }, emit) => emit(kmsg?.records),
  ),
  counter(
    "cgwatch_kmsg_lost_total",
    "Records of the kernel log that were overwritten before they could be read.",
    ({ kmsg }, emit) => emit(kmsg?.lost),
  ),
  counter(
    "cgwatch_kmsg_malformed_total",
    "Lines of the kernel log, where it is a FIFO or a file, that are no records.",
    ({ kmsg }, emit) => emit(kmsg?.malformed),
  ),
  gauge(
    "cgwatch_source_up",
    "1 where all is well with a source, 0 where it is degraded; absent where it is off.",
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
    "Directories of cgroups that inotify watches.",
    ({ directories }, emit) => emit(directories),
  ),
  counter(
    "cgwatch_rescans_total",
    "Listings of all cgroups, by what made them needful.",
    ({ rescans }, emit) => {
      for (const [reason, count] of Object.entries(rescans)) {
        emit(count, `reason="${reason}"`);
      }
    },
    ["reason"],
  ),
  gauge(
    "cgwatch_containers",
    "Containers that are known.",
    ({ containers }, emit) => emit(containers),
  ),
  {
    name: "cgwatch_housekeeping_seconds",
    help: "How long it took to read a container.",
    type: "histogram",
    labels: ["le"],
    numbers({ housekeeping }, emit) {
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
    "Streams of events that are open.",
    ({ streams }, emit) => emit(streams.open),
  ),
  counter(
    "cgwatch_stream_lost_total",
    "Events that clients of streams were too slow for.",
    ({ streams }, emit) => emit(streams.lost),
  ),
  counter(
    "cgwatch_http_restarts_total",
    "Restarts of an HTTP listener that failed, as for lack of file descriptors.",
    ({ http }, emit) => emit(http?.restarts),
  ),
  counter(
    "cgwatch_oom_kills_total",
    "Processes on this node that the kernel killed for want of memory, in this run.",
    ({ oomKills }, emit) => emit(oomKills),
  ),
];
