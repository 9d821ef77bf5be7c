import {
  type KmsgRecord,
  parseKmsgRecord,
} from "../../lib/kernfs/kmsg_record.ts";
import type { OomReport } from "../../lib/oom/report.ts";
import { OomParser } from "../../lib/oom/parser.ts";

const encoder = new TextEncoder();

/** A container ID, abbreviated to its first digits. */
const LONG_ID_REGEXP = /\b([0-9a-f]{8})[0-9a-f]{56}\b/g;

/** Directory of recorded and composed kernel logs. */
export const KMSG_DIR = new URL("../testdata/kmsg/", import.meta.url);

/** Parses a log with one record per line; invalid lines are omitted. */
export function recordsOf(log: string): KmsgRecord[] {
  return log.split("\n").flatMap((line) =>
    parseKmsgRecord(encoder.encode(line)) ?? []
  );
}

/**
 * Returns the reports of a parser for a log. As usual, the ten seconds before
 * the log were read, without an OOM.
 */
export function reportsOf(records: readonly KmsgRecord[]): OomReport[] {
  const parser = new OomParser();
  const reports: OomReport[] = [];
  const [first] = records;
  if (first !== undefined) {
    parser.push({
      ...first,
      sequence: Math.max(1, first.sequence - 1),
      usecSinceBoot: first.usecSinceBoot - 10_000_000,
      text: "eth0: link is up",
    });
  }
  for (const record of records) reports.push(...parser.push(record));
  return [...reports, ...parser.flush()];
}

/**
 * Formats a report as one line: record number, kind, incident number and data.
 * `it` is the cgroup just mentioned.
 */
export function brief(report: OomReport): string {
  if (report.type === "repeat") return `${report.kmsgSequence} repeat`;
  const words = [
    `${report.kmsgSequence} ${report.type} of ${report.incidentSequence}:`,
    report.scope ?? "?",
    report.constraint?.replace("CONSTRAINT_", "") ?? "?",
  ];
  const { limitCgroup, victimCgroup } = report;
  if (limitCgroup !== undefined) words.push(`limit ${limitCgroup}`);
  if (victimCgroup !== undefined) {
    words.push(victimCgroup === limitCgroup ? "in it" : `in ${victimCgroup}`);
  }
  if (report.pid !== undefined) {
    words.push(`${report.pid} (${report.processName})`);
  }
  if (report.uid !== undefined) words.push(`uid ${report.uid}`);
  if (report.type === "oomKill" && report.group) words.push("group");
  return words.join(" ").replaceAll(LONG_ID_REGEXP, "$1…");
}

/** Creates records, numbered from 100 and one millisecond apart. */
export function recordsFrom(
  lines: readonly (string | Partial<KmsgRecord>)[],
): KmsgRecord[] {
  return lines.map((text, i) => ({
    priority: 6,
    facility: 0,
    sequence: 100 + i,
    usecSinceBoot: 5_000_000 + i * 1000,
    flag: "-",
    text: "",
    ...(typeof text === "string" ? { text } : text),
  }));
}
