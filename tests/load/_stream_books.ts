/**
 * Compares what streams have got with what the log has.
 *
 * @module
 */
import type { WireEvent } from "../e2e/_agent.ts";
import { type Books, sumOf } from "./_books.ts";
import type { StreamReport } from "./_streams.ts";

/**
 * The agent ends a stream whose client has taken nothing for so long; what the
 * client lost by then nobody could tell it.
 */
const PATIENCE_SECONDS = 300;

/** Each stream has got every event after the first, or was told how many it has not. */
export function bookStreams(
  books: Books,
  reports: readonly StreamReport[],
  events: readonly WireEvent[],
  sinceSeq: number,
  lastSeq: number,
  toldLost: number,
  seconds: number,
): void {
  const hasGivenUp = ({ reader, hasEnded }: StreamReport) =>
    reader === "stalled" && hasEnded && seconds > PATIENCE_SECONDS;
  for (const [reader, some] of Map.groupBy(reports, ({ reader }) => reader)) {
    const wrong = some.map((report, at) => {
      const wanted = wantedOf(report, events, sinceSeq);
      const dueSeq = hasGivenUp(report) ? undefined : lastSeq;
      return faultsOf(report, wanted, dueSeq)
        .map((fault) => `${report.kind} ${at}: ${fault}`);
    }).filter((faults) => faults.length > 0);
    const label = `${reader} streams`;
    books.equal(
      `${label} with all events, or notices`,
      some.length,
      some.length - wrong.length,
      wrong.flat(),
    );
    const ended = some.filter(({ hasEnded }) => hasEnded).length;
    books.note(`${label} that the agent ended`, ended);
    books.note(`events that they got`, sumOf(some.map(({ events }) => events)));
    books.note(
      `events that they lost, in so many notices`,
      `${sumOf(some.map(({ lost }) => lost))} in ${
        sumOf(some.map(({ lostLines }) => lostLines))
      }`,
    );
  }
  const lost = sumOf(reports.map(({ lost }) => lost));
  const untold = sumOf(
    reports.filter(hasGivenUp).map((report) =>
      wantedOf(report, events, sinceSeq)
        .filter(({ seq }) => seq > report.last).length
    ),
  );
  books.atLeast("cgwatch_stream_lost_total", lost, toldLost);
  books.atMost("cgwatch_stream_lost_total", lost + untold, toldLost);
}

function wantedOf(
  { types }: StreamReport,
  events: readonly WireEvent[],
  sinceSeq: number,
): WireEvent[] {
  return events.filter(({ seq, event_type: type }) =>
    seq > sinceSeq && (types.length === 0 || types.includes(type))
  );
}

/** What is wrong with a stream; it has to come to `lastSeq`, where that is given. */
function faultsOf(
  report: StreamReport,
  wanted: readonly WireEvent[],
  lastSeq: number | undefined,
): string[] {
  const { events: got, lost, last, disorder, hasEnded } = report;
  const faults: string[] = [];
  const due = wanted.filter(({ seq }) => seq <= last).length;
  if (due !== got + lost) {
    faults.push(`got ${got} and lost ${lost} of ${due} up to ${last}`);
  }
  if (disorder > 0) faults.push(`${disorder} events are out of order`);
  if (lastSeq === undefined) return faults;
  const lastWanted = wanted.findLast(({ seq }) => seq <= lastSeq)?.seq ?? 0;
  if (last < lastWanted) faults.push(`has come to ${last} of ${lastWanted}`);
  if (hasEnded) faults.push("the agent has ended it");
  return faults;
}
