import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { exists } from "@std/fs/exists";
import { dirname } from "@std/path";
import type { FlagValues } from "../config/flag_values.ts";
import {
  findHierarchies,
  type Hierarchies,
} from "../kernfs/cgroup/hierarchy.ts";
import { HostFs } from "../kernfs/host_fs.ts";
import { parseOpenFilesLimit } from "../kernfs/machine.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import { writeJson } from "./output.ts";
import { printed } from "./table.ts";
import { styled, type Terminal } from "./terminal.ts";

/** What `check` needs. */
export interface CheckOptions {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/** What was found of one source. */
interface Finding {
  /** It works; the agent may not, or the kernel cannot; it is not there, or not wanted. */
  readonly state: "ok" | "missing" | "off";
  readonly detail: string;
}

/** One thing that the agent reads, and what depends on it. */
interface Source {
  readonly name: string;
  /** What the agent cannot tell without it. */
  readonly lost: string;
  /** What grants it: to a service, to a container. */
  readonly grant: string;
  find(): Finding | Promise<Finding>;
}

const CONNECT_LIMIT_MS = 1000;
/** Fewer watches than this are met by a machine of a thousand containers. */
const MIN_WATCHES = 8192;
const MIN_OPEN_FILES = 4096;

const SOCKETS: Readonly<Record<string, readonly string[]>> = {
  "docker": ["/var/run/docker.sock"],
  "podman": ["/run/podman/podman.sock"],
  "containerd": ["/run/containerd/containerd.sock"],
  "cri-o": ["/var/run/crio/crio.sock"],
};

/**
 * Tells of every source of facts whether it can be read here, by who asks, and
 * if not, what that costs and what grants it. It needs no agent and no
 * privilege, and changes nothing.
 */
export async function checkHost(options: CheckOptions): Promise<void> {
  const { values, terminal } = options;
  const output = values.choice("output");
  const rows = [];
  for (const source of sourcesOf(options)) {
    const { name, lost, grant } = source;
    const { state, detail } = await find(source);
    const more = state === "missing" ? { lost, grant } : {};
    rows.push({ name, state, detail, ...more });
  }
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(rows));
  }
  for (const { name, state, detail, lost, grant } of rows) {
    const style = { ok: "green", missing: "red", off: "dim" } as const;
    const costs = lost === undefined
      ? ""
      : `; lost: ${lost}; granted by: ${grant}`;
    terminal.write(
      `${styled(terminal, style[state], state.padEnd(8))}${name.padEnd(14)}${
        printed(detail + costs)
      }\n`,
    );
  }
}

async function find(source: Source): Promise<Finding> {
  try {
    return await source.find();
  } catch (error) {
    return { state: "missing", detail: messageOf(error) };
  }
}

function sourcesOf({ values, clock }: CheckOptions): readonly Source[] {
  const fs = new HostFs({ root: values.path("root") });
  const cgroupRoot = values.optional("cgroup-root");
  const hierarchies = () => findHierarchies(fs, cgroupRoot);
  return [
    {
      name: "cgroups",
      lost: "everything: no container is found",
      grant:
        "a cgroup mount; in a container -v /sys:/sys:ro, or --root=/rootfs with -v /:/rootfs:ro",
      find: () => ok(describeHierarchies(hierarchies())),
    },
    {
      name: "memory",
      lost: "memory of containers, their limits and counts of OOM kills",
      grant: "the kernel argument cgroup_enable=memory",
      find: () => controller("memory", hierarchies()),
    },
    {
      name: "kmsg",
      lost:
        "who was killed for want of memory, and why: kills are only counted",
      grant:
        "DeviceAllow=/dev/kmsg r with AmbientCapabilities=CAP_SYSLOG; in a container --device=/dev/kmsg --cap-add=SYSLOG",
      find: () => findKmsg(values.path("kmsg"), fs),
    },
    {
      name: "oom_counter",
      lost: "kills that the kernel log does not tell of",
      grant: "Linux 4.13 or later, and /proc",
      find: () =>
        /^oom_kill /m.test(fs.readText("/proc/vmstat") ?? "")
          ? ok("oom_kill of /proc/vmstat")
          : missing("/proc/vmstat has no oom_kill"),
    },
    {
      name: "processes",
      lost:
        "the cgroup of a process that is being killed where the kernel does not print it",
      grant:
        "/proc without hidepid, or SupplementaryGroups= with the group of its gid=; in a container --pid=host",
      find: () => findProcesses(fs),
    },
    {
      name: "descriptors",
      lost: "open files and sockets of processes that are of other users",
      grant:
        "AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH; in a container --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH",
      find: async () => {
        await Array.fromAsync(Deno.readDir(fs.path("/proc/1/fd")));
        return ok("files of other users' processes");
      },
    },
    {
      name: "pressure",
      lost: "how long tasks waited for CPU, memory and I/O",
      grant: "the kernel argument psi=1",
      find: async () => {
        await Deno.readTextFile(fs.path("/proc/pressure/memory"));
        return ok("/proc/pressure");
      },
    },
    {
      name: "inotify",
      lost:
        "containers found at once: they are found by listing, later and at a cost",
      grant:
        `sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=128`,
      find: () => findInotify(fs),
    },
    {
      name: "open_files",
      lost: "speed: control files are opened anew for each reading",
      grant: "LimitNOFILE=65536; in a container --ulimit=nofile=65536",
      find: () => findOpenFiles(),
    },
    {
      name: "event_log",
      lost: "events that survive a restart, and their numbers",
      grant:
        "LogsDirectory=cgwatch; in a container -v /var/log/cgwatch:/var/log/cgwatch",
      find: () => findEventLog(values.path("event-log")),
    },
    ...Object.entries(SOCKETS).map(([name, paths]) => ({
      name,
      lost: "names, images and labels of its containers",
      grant:
        `SupplementaryGroups= with the group of the socket; in a container -v ${
          paths[0]
        }:${paths[0]}:ro`,
      find: () => findSocket(fs.path(paths[0] ?? ""), clock),
    })),
  ];
}

function ok(detail: string): Finding {
  return { state: "ok", detail };
}

function missing(detail: string): Finding {
  return { state: "missing", detail };
}

function describeHierarchies({ mode, all }: Hierarchies): string {
  const names = all.flatMap(({ controllers }) => controllers);
  return `${mode}: ${[...new Set(names)].join(" ")}`;
}

function controller(name: string, { all }: Hierarchies): Finding {
  const found = all.find(({ controllers }) => controllers.includes(name));
  return found === undefined
    ? missing(`No cgroup hierarchy has the controller ${name}`)
    : ok(found.path);
}

async function findKmsg(path: string, fs: HostFs): Promise<Finding> {
  if (path === "none") {
    return { state: "off", detail: "turned off by --kmsg=none" };
  }
  const seen = path.startsWith("/dev/") ? fs.path(path) : path;
  const info = await Deno.stat(seen);
  // Opening a FIFO would wait for its writer.
  if (info.isFifo) await access(seen, constants.R_OK);
  else {
    using file = await Deno.open(seen);
    // The kernel asks for CAP_SYSLOG at the opening, and some sandboxes at the first reading.
    if (!info.isCharDevice) await file.read(new Uint8Array(1));
  }
  return ok(seen);
}

async function findProcesses(fs: HostFs): Promise<Finding> {
  const own = fs.path("/proc/self/cgroup");
  const first = fs.path("/proc/1/cgroup");
  await Deno.readTextFile(own);
  await Deno.readTextFile(first);
  return ok("/proc/PID of other users");
}

function findInotify(fs: HostFs): Finding {
  const [watches, instances] = ["max_user_watches", "max_user_instances"]
    .map((name) => Number(fs.readText(`/proc/sys/fs/inotify/${name}`) ?? NaN));
  const detail = `${watches} watches, ${instances} instances`;
  return Number(watches) >= MIN_WATCHES && Number(instances) > 1
    ? ok(detail)
    : missing(detail);
}

function findOpenFiles(): Finding {
  const limits = new HostFs().readText("/proc/self/limits") ?? "";
  const limit = parseOpenFilesLimit(limits);
  const detail = `at most ${limit ?? "?"} here`;
  return (limit ?? 0) >= MIN_OPEN_FILES ? ok(detail) : missing(detail);
}

async function findEventLog(path: string): Promise<Finding> {
  if (path === "none") {
    return { state: "off", detail: "turned off by --event-log=none" };
  }
  if (path === "-") return ok("stdout; --event-log=PATH for a file");
  if (await exists(path)) await access(path, constants.W_OK);
  // Rotation renames, and that is a right of the directory.
  await access(dirname(path), constants.W_OK | constants.X_OK);
  return ok(path);
}

async function findSocket(path: string, clock: Clock): Promise<Finding> {
  try {
    const limit = new AbortController();
    const connecting = Deno.connect({ transport: "unix", path });
    const connection = await Promise.race([
      connecting,
      sleep(clock, CONNECT_LIMIT_MS, limit.signal),
    ]);
    limit.abort();
    connecting.then((late) => late.close(), () => {});
    return connection === undefined
      ? missing(`${path} does not answer`)
      : ok(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { state: "off", detail: `no ${path}` };
    }
    throw error;
  }
}
