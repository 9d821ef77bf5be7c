import { assertEquals } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import {
  AGENT_FAMILIES,
  type AgentCounters,
} from "../../lib/metrics/agent_families.ts";
import { expositionText, section } from "../../lib/metrics/exposition.ts";
import { Histogram } from "../../lib/model/histogram.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function counters(rest: Partial<AgentCounters> = {}): AgentCounters {
  const clock = new FakeClock();
  const events = new EventManager({ node: "n1", bootId: "b1", clock });
  events.addEvent({ timestampMs: 0, type: "oom", containerName: "/" });
  const housekeeping = new Histogram([0.001, 0.1]);
  for (const seconds of [0.0005, 0.05, 2]) housekeeping.observe(seconds);
  return {
    containers: 4,
    directories: 20,
    rescans: { overflow: 1, housekeeping: 2 },
    housekeeping,
    oomKills: 3,
    events: events.counters,
    sources: [
      { name: "kmsg", state: "ok", detail: "" },
      { name: "cgroups", state: "degraded", detail: "" },
      { name: "event_log", state: "off", detail: "" },
    ],
    streams: { open: 1, lost: 5 },
    ...rest,
  };
}

function exposed(subject: AgentCounters): Map<string, (string | number)[]> {
  const text = decodeChunks(expositionText(
    [section<AgentCounters>({
      families: AGENT_FAMILIES,
      subjects: [subject],
      labelsOf: () => "",
    })],
    { format: "prometheus", names: new Set(), onError: () => {} },
  ));
  return new Map([...parseExposition(text)].map(([name, { type, series }]) => [
    name,
    [
      type,
      ...series.filter(({ value }) => value > 0).map((
        { name, labels, value },
      ) =>
        [
          name.replace(/.*_(bucket|sum|count)$/, "$1"),
          ...Object.values(labels),
          value,
        ]
          .slice(name.match(/_(bucket|sum|count)$/) ? 0 : 1).join(" ")
      ),
    ],
  ]));
}

Deno.test("AGENT_FAMILIES have the promised names and the agent's counters", () => {
  const families = exposed(counters({
    eventLog: { bytes: 100, errors: 1, lost: 2 },
    kmsg: { records: 7, lost: 1, malformed: 2 },
  }));
  assertEquals(Object.fromEntries(families), {
    "cgwatch_events_total": ["counter", "oom 1"],
    "cgwatch_event_log_bytes_total": ["counter", "100"],
    "cgwatch_event_log_errors_total": ["counter", "1"],
    "cgwatch_event_log_lost_total": ["counter", "2"],
    "cgwatch_kmsg_records_total": ["counter", "7"],
    "cgwatch_kmsg_lost_total": ["counter", "1"],
    "cgwatch_kmsg_malformed_total": ["counter", "2"],
    "cgwatch_source_up": ["gauge", "kmsg 1"],
    "cgwatch_watched_directories": ["gauge", "20"],
    "cgwatch_rescans_total": ["counter", "overflow 1", "housekeeping 2"],
    "cgwatch_containers": ["gauge", "4"],
    "cgwatch_housekeeping_seconds": [
      "histogram",
      "bucket 0.001 1",
      "bucket 0.1 2",
      "bucket +Inf 3",
      "sum 2.0505",
      "count 3",
    ],
    "cgwatch_streams": ["gauge", "1"],
    "cgwatch_stream_lost_total": ["counter", "5"],
    "cgwatch_oom_kills_total": ["counter", "3"],
  });
});

Deno.test("AGENT_FAMILIES omit a disabled event log", () => {
  const names = [...exposed(counters()).keys()];
  assertEquals(names.filter((name) => /event_log|kmsg/.test(name)), []);
});
