/**
 * Checks the events received by streams against the log.
 *
 * @module
 */
import type { WireEvent } from "../e2e/_agent.ts";
import { type ConsistencyReport, sumOf } from "./_consistency_report.ts";
import type { StreamReport } from "./_streams.ts";

/**
 * The agent closes a stream whose client has read nothing for this time; events
 * lost by then are not reported to it.
 */
const PATIENCE_SECONDS = 300;

/** Checks that each stream received every event or a notice with the number of missing ones. */
export function checkStreams(
  report: ConsistencyReport,
  reports: readonly StreamReport[],
  events: readonly WireEvent[],
  sinceSeq: number,
  lastSeq: number,
  reportedLost: number,
  seconds: number,
): void {
  const isAbandoned = ({ reader, hasEnded }: StreamReport) =>
    reader === "stalled" && hasEnded && seconds > PATIENCE_SECONDS;
  for (const [reader, some] of Map.groupBy(reports, ({ reader }) => reader)) {
    const wrong = some.map((report, at) => {
      const expected = expectedOf(report, events, sinceSeq);
      const dueSeq = isAbandoned(report) ? undefined : lastSeq;
      return faultsOf(report, expected, dueSeq)
        .map((fault) => `${report.kind} ${at}: ${fault}`);
    }).filter((faults) => faults.length > 0);
    const label = `${reader} streams`;
    report.equal(
      `${label} with all events, or notices`,
      some.length,
      some.length - wrong.length,
      wrong.flat(),
    );
    const ended = some.filter(({ hasEnded }) => hasEnded).length;
    report.note(`${label} closed by the agent`, ended);
    report.note(`events received`, sumOf(some.map(({ events }) => events)));
    report.note(
      `events lost, and number of notices`,
      `${sumOf(some.map(({ lost }) => lost))} in ${
        sumOf(some.map(({ lostLines }) => lostLines))
      }`,
    );
  }
  const lost = sumOf(reports.map(({ lost }) => lost));
  const unreported = sumOf(
    reports.filter(isAbandoned).map((report) =>
      expectedOf(report, events, sinceSeq)
        .filter(({ seq }) => seq > report.last).length
    ),
  );
  report.atLeast("cgwatch_stream_lost_total", lost, reportedLost);
  report.atMost("cgwatch_stream_lost_total", lost + unreported, reportedLost);
}

function expectedOf(
  { types }: StreamReport,
  events: readonly WireEvent[],
  sinceSeq: number,
): WireEvent[] {
  return events.filter(({ seq, event_type: type }) =>
    seq > sinceSeq && (types.length === 0 || types.includes(type))
  );
}

/** Returns the faults of a stream, which must have reached `lastSeq` if given. */
function faultsOf(
  report: StreamReport,
  expected: readonly WireEvent[],
  lastSeq: number | undefined,
): string[] {
  const { events: got, lost, last, disorder, hasEnded } = report;
  const faults: string[] = [];
  const due = expected.filter(({ seq }) => seq <= last).length;
  if (due !== got + lost) {
    faults.push(`received ${got} and lost ${lost} of ${due} up to ${last}`);
  }
  if (disorder > 0) faults.push(`${disorder} events are out of order`);
  if (lastSeq === undefined) return faults;
  const lastExpected = expected.findLast(({ seq }) => seq <= lastSeq)?.seq ?? 0;
  if (last < lastExpected) faults.push(`reached ${last} of ${lastExpected}`);
  if (hasEnded) faults.push("closed by the agent");
  return faults;
}
