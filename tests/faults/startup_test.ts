import { testStartupFaults } from "./_fault_scenarios.ts";

const CGROUPS = { source: "cgroups" };
const KMSG = { source: "kmsg" };
const LOG = { source: "event_log" };

testStartupFaults("openManager() starts with any fault", [
  {
    name: "inotify",
    call: "watchFs",
    path: /\/sys\/fs\/cgroup$/,
    faults: ["EACCES", "EIO", "EMFILE"],
    shows: CGROUPS,
  },
  {
    name: "a watch",
    call: "watchFs",
    path: /\/shop$/,
    faults: ["EACCES", "EIO", "ENOSPC"],
    shows: CGROUPS,
  },
  {
    name: "the root",
    call: "lstatSync",
    path: /\/sys\/fs\/cgroup$/,
    faults: ["EACCES", "EIO"],
    shows: CGROUPS,
  },
  {
    name: "the first list",
    call: "readDirSync",
    path: /\/sys\/fs\/cgroup$/,
    faults: ["EACCES", "EIO", "EMFILE"],
    shows: CGROUPS,
  },
  {
    name: "a list",
    call: "readDirSync",
    path: /\/shop$/,
    faults: ["EACCES", "EIO", "EMFILE"],
    shows: CGROUPS,
  },
  {
    name: "what the kernel log is",
    call: "stat",
    path: /\/kmsg$/,
    faults: ["EACCES", "EIO", "hang"],
    shows: KMSG,
  },
  {
    name: "the kernel log",
    call: "open",
    path: /\/kmsg$/,
    faults: ["EACCES", "EIO", "EMFILE", "ENODEV", "hang"],
    shows: KMSG,
  },
  {
    name: "the event log",
    call: "open",
    path: /\/events\.ndjson$/,
    faults: ["EACCES", "EIO", "EMFILE", "ENOSPC", "hang"],
    shows: LOG,
  },
]);
