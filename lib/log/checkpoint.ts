import type { CheckpointData, Event } from "../model/event.ts";

/** Returns the state for a restart after this event. */
export function stateAfter(
  state: CheckpointData,
  event: Event,
): CheckpointData {
  const { event_type: type, event_data: { oom } } = event;
  if (type !== "oomKill" || oom === undefined) return state;
  const { node_oom_kills: units, inferred_units: inferred } = oom;
  const kmsgSeq = oom.kmsg_seq ?? oom.kmsg_read_seq;
  const { kmsg_usec: kmsgUsec, ...known } = state;
  return {
    ...known,
    ...(kmsgSeq === undefined
      ? kmsgUsec !== undefined && { "kmsg_usec": kmsgUsec }
      : { "kmsg_seq": kmsgSeq }),
    ...(units !== undefined && {
      "node_oom_kills": units,
      "inferred_units": inferred ?? 0,
    }),
  };
}

/** Ignores `kmsg_seq`, which changes with every record. */
export function hasSameCounts(
  one: CheckpointData,
  other: CheckpointData,
): boolean {
  return one.node_oom_kills === other.node_oom_kills &&
    one.inferred_units === other.inferred_units;
}
