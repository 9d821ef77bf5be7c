/**
 * Compares what streams have got with what the log has.
 *
 * @module
 */
import type { WireEvent } from "../e2e/_agent.ts";
import { type Books, sumOf } from "./_books.ts";
import type { StreamReport } from "./_streams.ts";

/** Each stream has got every event after the first, or was told how many it has not. */
export function bookStreams(
  books: Books,
  reports: readonly StreamReport[],
  events: readonly WireEvent[],
  sinceSeq: number,
  lastSeq: number,
): void {
  for (const isStalled of [false, true]) {
    const some = reports.filter((report) => report.isStalled === isStalled);
    const label = isStalled ? "stalled streams" : "streams";
    const wrong = some.flatMap((report, at) =>
      faultsOf(report, events, sinceSeq, lastSeq)
        .map((fault) => `${report.kind} ${at}: ${fault}`)
    );
    books.equal(
      `${label} with all events, or notices`,
      some.length,
      some.length - new Set(wrong.map((it) => it.split(":")[0])).size,
      wrong,
    );
    books.note(
      `events that ${label} got`,
      sumOf(some.map(({ events }) => events)),
    );
    books.note(
      `events that they were told they lost, in so many notices`,
      `${sumOf(some.map(({ lost }) => lost))} in ${
        sumOf(some.map(({ lostLines }) => lostLines))
      }`,
    );
  }
}

function faultsOf(
  { types, events: got, lost, last, disorder, hasEnded }: StreamReport,
  events: readonly WireEvent[],
  sinceSeq: number,
  lastSeq: number,
): string[] {
  const faults: string[] = [];
  const wanted = events.filter(({ seq, event_type: type }) =>
    seq > sinceSeq && (types.length === 0 || types.includes(type))
  );
  const due = wanted.filter(({ seq }) => seq <= last).length;
  if (due !== got + lost) {
    faults.push(`got ${got} and lost ${lost} of ${due} up to ${last}`);
  }
  const lastWanted = wanted.findLast(({ seq }) => seq <= lastSeq)?.seq ?? 0;
  if (last < lastWanted) faults.push(`has come to ${last} of ${lastWanted}`);
  if (disorder > 0) faults.push(`${disorder} events are out of order`);
  if (hasEnded) faults.push("the agent has ended it");
  return faults;
}
