import type { FaultyAgent } from "./_faulty_agent.ts";
import { testFaultScenarios } from "./_fault_scenarios.ts";

const LOG = { source: "event_log" };
const ERRORS = { counts: (agent: FaultyAgent) => agent.log.counters.errors };

/** Adds enough events to start a new part of the log. */
function fill(agent: FaultyAgent): void {
  for (let n = 0; n < 40; n++) agent.addEvent();
}

/** Reopens the log. */
function reopen(agent: FaultyAgent): void {
  agent.log.reopen();
}

testFaultScenarios("EventLog of a manager tolerates a failing disk", [
  {
    name: "a line",
    call: "FsFile.writeSync",
    path: /\/events\.ndjson$/,
    faults: ["EIO", "ENOSPC", "ENODEV", "EACCES"],
    shows: LOG,
  },
  {
    name: "a part of a line",
    call: "FsFile.writeSync",
    path: /\/events\.ndjson$/,
    faults: ["short"],
  },
  {
    name: "opening",
    call: "open",
    path: /\/events\.ndjson$/,
    faults: ["EACCES", "EIO", "EMFILE", "ENOSPC", "hang"],
    shows: LOG,
    provoke: reopen,
  },
  {
    name: "looking at what is to be opened",
    call: "stat",
    path: /\/events\.ndjson$/,
    faults: ["EACCES", "EIO", "hang"],
    shows: LOG,
    provoke: reopen,
  },
  {
    name: "looking at what was opened",
    call: "FsFile.stat",
    path: /\/events\.ndjson$/,
    faults: ["EIO", "hang"],
    shows: LOG,
    provoke: reopen,
  },
  {
    name: "rotation",
    call: "rename",
    path: /\/events\.ndjson(?:\.\d+)?$/,
    faults: ["EACCES", "EIO", "ENOSPC"],
    shows: ERRORS,
    provoke: fill,
  },
  {
    name: "rotation that hangs",
    call: "rename",
    path: /\/events\.ndjson(?:\.\d+)?$/,
    faults: ["hang"],
    shows: LOG,
    provoke: fill,
  },
  {
    name: "a sync",
    call: "FsFile.syncData",
    path: /\/events\.ndjson$/,
    faults: ["EIO", "ENOSPC"],
    shows: ERRORS,
  },
  {
    name: "a sync that hangs",
    call: "FsFile.syncData",
    path: /\/events\.ndjson$/,
    faults: ["hang"],
    shows: LOG,
  },
]);
