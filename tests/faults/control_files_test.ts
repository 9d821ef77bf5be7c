import { type Seam, testFaultScenarios } from "./_fault_scenarios.ts";

const WARNS = {
  message: "Cannot read a control file, leaving out its values",
};

const SEAMS: readonly Seam[] = [
  {
    name: "a control file",
    call: "openSync",
    path: /\/shop\/web\/memory\.current$/,
    faults: ["EIO", "EMFILE"],
    shows: WARNS,
  },
  {
    name: "a control file that is not there for us",
    call: "openSync",
    path: /\/shop\/web\/memory\.current$/,
    faults: ["EACCES", "ENODEV"],
  },
  {
    name: "a control file",
    call: "FsFile.readSync",
    path: /\/shop\/web\/memory\.current$/,
    faults: ["EIO", "garbage", "eof"],
    shows: WARNS,
  },
  {
    name: "a control file that we may not read",
    call: "FsFile.readSync",
    path: /\/shop\/web\/memory\.current$/,
    faults: ["EACCES"],
  },
  {
    name: "a control file of what seems gone",
    call: "FsFile.readSync",
    path: /\/shop\/web\/memory\.current$/,
    faults: ["ENODEV"],
  },
  {
    name: "all control files of a container",
    call: "openSync",
    path: /\/shop\/web\/[^/]*$/,
    faults: ["EIO", "EMFILE"],
    shows: WARNS,
  },
  {
    name: "every control file",
    call: "openSync",
    path: /\/sys\/fs\/cgroup\//,
    faults: ["EIO", "EMFILE"],
    shows: WARNS,
    isOfAll: true,
  },
];

testFaultScenarios("openManager() tolerates failing control files", SEAMS);
testFaultScenarios(
  "openManager() tolerates control files that fail while open",
  SEAMS.filter(({ call }) => call !== "openSync"),
  { keepsOpen: true },
);
