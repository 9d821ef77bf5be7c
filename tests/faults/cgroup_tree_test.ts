import { testFaultScenarios } from "./_fault_scenarios.ts";

const CGROUPS = { source: "cgroups" };

testFaultScenarios("openManager() tolerates failing cgroup directories", [
  {
    name: "a container's directory",
    call: "lstatSync",
    path: /\/shop\/web$/,
    faults: ["EACCES", "EIO"],
    shows: CGROUPS,
  },
  {
    name: "the directory of a container that comes",
    call: "lstatSync",
    path: /\/docker-e\w+\.scope$/,
    faults: ["EACCES", "EIO"],
    shows: CGROUPS,
    isOfAll: true,
  },
  {
    name: "the directory that it comes to",
    call: "lstatSync",
    path: /\/system\.slice$/,
    faults: ["EACCES", "EIO"],
    shows: CGROUPS,
    isOfAll: true,
  },
  {
    name: "the root",
    call: "lstatSync",
    path: /\/sys\/fs\/cgroup$/,
    faults: ["EACCES", "EIO"],
    shows: CGROUPS,
    isOfAll: true,
  },
  {
    name: "the list of what is in one that comes",
    call: "readDirSync",
    path: /\/sys\/fs\/cgroup\/nested-\d+$/,
    faults: ["EACCES", "EIO", "EMFILE"],
    shows: CGROUPS,
    provoke: ({ host }) => host.makeNested(),
  },
  {
    name: "every list",
    call: "readDirSync",
    path: /\/sys\/fs\/cgroup/,
    faults: ["EACCES", "EIO", "EMFILE"],
    shows: CGROUPS,
    provoke: ({ host }) => host.makeNested(),
  },
  {
    name: "what inotify reports",
    call: "FsWatcher.next",
    path: /^/,
    faults: ["EIO"],
    shows: {
      counts: ({ manager }) => manager.counters.rescans["fallback"] ?? 0,
    },
  },
  {
    name: "a further watch",
    call: "watchFs",
    path: /\/cgroup\.procs$/,
    faults: ["ENOSPC"],
    shows: {
      counts: ({ manager }) => manager.counters.rescans["fallback"] ?? 0,
    },
  },
  {
    name: "inotify, which reports nothing",
    call: "FsWatcher.next",
    path: /^/,
    faults: ["hang"],
    isOfAll: true,
  },
]);
