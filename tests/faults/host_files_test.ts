import type { Fault } from "./_fault.ts";
import { testFaultScenarios } from "./_fault_scenarios.ts";

const READS: readonly Fault[] = ["EACCES", "EIO", "EMFILE"];
const TEXT_FAULTS: readonly Fault[] = [...READS, "short", "garbage", "eof"];

testFaultScenarios("openManager() tolerates failing host files", [
  {
    name: "limits of a container",
    call: "openSync",
    path: /\/shop\/web\/(?:cpu|memory|pids)\.max$/,
    faults: READS,
    provoke: (agent) => {
      agent.manager.containerInfo("/shop/web").spec;
    },
  },
  {
    name: "limits of a container",
    call: "FsFile.readSync",
    path: /\/shop\/web\/(?:cpu|memory|pids)\.max$/,
    faults: TEXT_FAULTS,
    provoke: (agent) => {
      agent.manager.containerInfo("/shop/web").spec;
    },
  },
  {
    name: "files of the machine",
    call: "openSync",
    path: /\/proc\/(?:meminfo|cpuinfo|stat|diskstats|vmstat)$/,
    faults: READS,
    provoke: (agent) => agent.manager.machineInfo(),
  },
  {
    name: "files of the machine",
    call: "FsFile.readSync",
    path: /\/proc\/(?:meminfo|cpuinfo|stat|diskstats|vmstat)$/,
    faults: TEXT_FAULTS,
    provoke: (agent) => agent.manager.machineInfo(),
  },
  {
    name: "a file system",
    call: "statfs",
    path: /^\/$/,
    faults: ["EACCES", "EIO"],
  },
  {
    name: "a file system that hangs",
    call: "statfs",
    path: /^\/$/,
    faults: ["hang"],
    shows: { source: "filesystems" },
  },
  {
    name: "the mounts",
    call: "openSync",
    path: /\/mountinfo$/,
    faults: READS,
  },
  {
    name: "the mounts",
    call: "FsFile.readSync",
    path: /\/mountinfo$/,
    faults: TEXT_FAULTS,
  },
]);
