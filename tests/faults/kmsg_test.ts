import type { FaultyAgent } from "./_faulty_agent.ts";
import { testFaultScenarios } from "./_fault_scenarios.ts";

const KMSG = { source: "kmsg" };

/** Replaces the log by another file, so that it is reopened. */
function replaceLog(agent: FaultyAgent): void {
  const path = `${agent.host.root}/kmsg`;
  Deno.writeTextFileSync(`${path}.new`, Deno.readTextFileSync(path));
  Deno.renameSync(`${path}.new`, path);
}

testFaultScenarios("openManager() tolerates a failing kernel log", [
  {
    name: "the kernel log",
    call: "FsFile.read",
    path: /\/kmsg$/,
    faults: ["EACCES", "EIO", "ENODEV"],
    shows: KMSG,
  },
  {
    name: "the kernel log in pieces",
    call: "FsFile.read",
    path: /\/kmsg$/,
    faults: ["short", "eof"],
  },
  {
    name: "no records",
    call: "FsFile.read",
    path: /\/kmsg$/,
    faults: ["short"],
    shows: { counts: ({ manager }) => manager.counters.kmsg?.malformed ?? 0 },
    provoke: (agent) => agent.host.writeKmsg("\x80\xff garbage\n4,\n;;;\n"),
  },
  {
    name: "a kernel log that took another's place",
    call: "open",
    path: /\/kmsg$/,
    faults: ["EACCES", "EIO", "EMFILE", "hang"],
    shows: KMSG,
    provoke: replaceLog,
  },
  {
    name: "whether another took its place",
    call: "stat",
    path: /\/kmsg$/,
    faults: ["EACCES", "EIO", "hang"],
  },
]);
