import { testWeather } from "./_weather.ts";

const CGROUPS = { source: "cgroups" };

testWeather("openManager() bears directories of cgroups that fail", [
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
    name: "what inotify tells",
    call: "inotify.read",
    path: /^/,
    faults: ["EIO"],
    shows: {
      counts: ({ manager }) => manager.counters.rescans["fallback"] ?? 0,
    },
  },
  {
    name: "the watch of a container that comes",
    call: "inotify.add",
    path: /\/docker-e\w+\.scope$/,
    faults: ["EACCES", "ENOSPC"],
    shows: {
      counts: ({ manager }) => manager.counters.rescans["fallback"] ?? 0,
    },
  },
  {
    name: "inotify, which tells nothing",
    call: "inotify.read",
    path: /^/,
    faults: ["hang"],
    isOfAll: true,
  },
]);
