import type { Fault } from "./_fault.ts";
import { testFaultScenarios } from "./_fault_scenarios.ts";

const READS: readonly Fault[] = ["EACCES", "EIO", "EMFILE", "hang"];
const NAMES = { source: "names" };

testFaultScenarios("openManager() tolerates failing runtime files", [
  {
    name: "what Docker tells of a container",
    call: "stat",
    path: /\/docker\/containers\/\w+\/config\.v2\.json$/,
    faults: READS,
    shows: NAMES,
  },
  {
    name: "what Docker tells of a container",
    call: "readTextFile",
    path: /\/docker\/containers\/\w+\/config\.v2\.json$/,
    faults: [...READS, "short", "garbage", "eof"],
    shows: NAMES,
  },
  {
    name: "how Docker runs a container",
    call: "readTextFile",
    path: /\/hostconfig\.json$/,
    faults: [...READS, "short", "garbage", "eof"],
  },
]);
