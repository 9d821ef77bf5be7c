// Exceeds 300 lines: one table with a function per entry.

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { exists } from "@std/fs/exists";
import { dirname } from "@std/path";
import type { FlagValues } from "../config/flag_values.ts";
import { hiddenDetail, hiddenMounts } from "../filesystems/mount_visibility.ts";
import { readMounts } from "../filesystems/partitions.ts";
import {
  findHierarchies,
  type Hierarchies,
} from "../kernfs/cgroup/hierarchy.ts";
import { HostFs } from "../kernfs/host_fs.ts";
import { parseOpenFilesLimit } from "../kernfs/machine.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { NO_PERMISSION } from "../runtimes/engine_watcher.ts";
import { quote } from "./output.ts";

/** A source's state. */
export interface Finding {
  /** `missing`: no permission, kernel support or file. */
  readonly state: "ok" | "missing" | "off";
  readonly detail: string;
}

/** Place at which the agent gets permissions. */
export type Place = "shell" | "service" | "container";

/** The agent's data source. */
export interface Source {
  readonly name: string;
  /** Data unavailable without it. */
  readonly lost: string;
  /** Command or setting for access. */
  readonly fix: string | Readonly<Record<Place, string>>;
  /** Returns the fix of a specific problem. */
  readonly fixOf?: (problem: string, place: Place) => string | undefined;
  find(): Finding | Promise<Finding>;
}

/** The systemd unit's event log. */
export const SERVICE_LOG = "/var/log/cgwatch/events.ndjson";

const CONNECT_LIMIT_MS = 1000;
/** Enough for about 1,000 containers. */
const MIN_WATCHES = 8192;
const MIN_OPEN_FILES = 4096;

const SOCKETS: Readonly<Record<string, string>> = {
  "docker": "/var/run/docker.sock",
  "podman": "/run/podman/podman.sock",
  "containerd": "/run/containerd/containerd.sock",
  "cri-o": "/var/run/crio/crio.sock",
};

/** Returns the sources for `check`. */
export function sourcesOf(
  values: FlagValues,
  clock: Clock,
): readonly Source[] {
  const fs = new HostFs({ root: values.path("root") });
  const cgroupRoot = values.optional("cgroup-root");
  const log = values.path("event-log");
  const hierarchies = () => findHierarchies(fs, cgroupRoot);
  return [
    {
      name: "cgroups",
      lost: "everything: no container is found",
      fix: {
        shell: "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        service: "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        container: "docker run: -v /:/rootfs:ro, then serve --root=/rootfs",
      },
      find: () => ok(describeHierarchies(hierarchies())),
    },
    {
      name: "memory",
      lost: "memory of containers, their limits and counts of OOM kills",
      fix: "kernel command line: cgroup_enable=memory, then reboot",
      find: () => controller("memory", hierarchies()),
    },
    {
      name: "kmsg",
      lost: "processes and reasons of OOM kills: kills are only counted",
      fix: {
        shell: "sudo cgwatch",
        service: dropIn(
          "kmsg",
          "CapabilityBoundingSet=CAP_SYSLOG",
          "AmbientCapabilities=CAP_SYSLOG",
          "PrivateDevices=no",
          "ProtectKernelLogs=no",
          "DeviceAllow=/dev/kmsg r",
        ),
        container: dockerRun("--device=/dev/kmsg", "--cap-add=SYSLOG"),
      },
      // The agent may have been started with another path.
      fixOf: (problem) =>
        /--kmsg=none|\(os error 2\)(?!.*\/dev\/kmsg')/.test(problem)
          ? "start the agent with --kmsg=/dev/kmsg, which is the default"
          : /^Records lost/.test(problem)
          ? "kernel command line: log_buf_len=4M, then reboot"
          : undefined,
      find: () => findKmsg(values.path("kmsg"), fs),
    },
    {
      name: "oom_counter",
      lost: "kills that the kernel log does not contain",
      fix: "Linux 4.13 or later",
      find: async () =>
        /^oom_kill /m.test(await readText(fs, "/proc/vmstat"))
          ? ok("oom_kill of /proc/vmstat")
          : missing("/proc/vmstat has no oom_kill"),
    },
    {
      name: "processes",
      lost: "the cgroup of a victim where the kernel does not print it",
      fix: {
        shell: "sudo mount -o remount,hidepid=0 /proc",
        service: "sudo mount -o remount,hidepid=0 /proc",
        container: "docker run: --pid=host",
      },
      find: () => findProcesses(fs),
    },
    {
      name: "descriptors",
      lost: "open files and sockets of other users' processes",
      fix: {
        shell: "sudo cgwatch",
        service: dropIn(
          "descriptors",
          "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE",
          "AmbientCapabilities=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE",
        ),
        container: dockerRun(
          "--pid=host",
          "--cap-add=SYS_PTRACE",
          "--cap-add=DAC_READ_SEARCH",
        ),
      },
      find: async () => {
        await Array.fromAsync(Deno.readDir(fs.path("/proc/1/fd")));
        return ok("files of other users' processes");
      },
    },
    {
      name: "filesystems",
      lost: "usage of file systems that hang or are not visible",
      fix: {
        shell: "restart the agent in the mount namespace of the host",
        service: "sudo systemctl restart cgwatch",
        container:
          "docker run: -v /:/rootfs:ro,rslave; Kubernetes: mountPropagation: HostToContainer",
      },
      fixOf: (problem) =>
        /^no response/.test(problem)
          ? "repair or unmount the file systems that do not respond"
          : undefined,
      find: () => findFilesystems(fs),
    },
    {
      name: "pressure",
      lost: "time that tasks waited for CPU, memory and I/O",
      fix: "kernel command line: psi=1, then reboot",
      find: async () => {
        await readText(fs, "/proc/pressure/memory");
        return ok("/proc/pressure");
      },
    },
    {
      name: "inotify",
      lost: "immediate detection of containers: scans find them later",
      fix:
        "sudo sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=128",
      find: () => findInotify(fs),
    },
    {
      name: "open_files",
      lost: "speed: control files are opened for each sample",
      fix: {
        shell: "ulimit -n 65536",
        service: dropIn("files", "LimitNOFILE=65536"),
        container: "docker run: --ulimit=nofile=65536",
      },
      find: () => findOpenFiles(),
    },
    {
      name: "event_log",
      lost: "events over a restart, and their numbers",
      fix: {
        shell: `sudo install -d -o "$USER" ${quote(dirname(log))}`,
        service: dropIn("log", "LogsDirectory=cgwatch"),
        container: "docker run: -v /var/log/cgwatch:/var/log/cgwatch",
      },
      fixOf: (problem) =>
        /--event-log=none|stdout is a terminal/.test(problem)
          ? `start the agent with --event-log=${SERVICE_LOG}`
          : undefined,
      find: () => findEventLog(log),
    },
    ...Object.entries(SOCKETS).map(([name, path]) => {
      // A user with access to the socket can become root.
      const fix = {
        shell: `sudo usermod -aG "$(stat -Lc %G ${path})" "$USER"`,
        service: dropIn(name, `SupplementaryGroups=$(stat -Lc %G ${path})`),
        container: `docker run: -v ${path}:${path}:ro`,
      };
      return {
        name,
        lost: "names, images and labels of its containers",
        fix,
        fixOf: (problem: string, place: Place) =>
          problem.startsWith(NO_PERMISSION)
            ? place === "container" ? "docker run: --user=0" : fix[place]
            : undefined,
        find: () => findSocket(fs.path(path), clock),
      };
    }),
  ];
}

/** Docker and Kubernetes grant added capabilities only to root. */
function dockerRun(...flags: readonly string[]): string {
  const user = Deno.uid() === 0 ? [] : ["--user=0"];
  return ["docker run:", ...user, ...flags].join(" ");
}

/** Returns a command that creates a drop-in. */
function dropIn(name: string, ...lines: readonly string[]): string {
  const directory = "/etc/systemd/system/cgwatch.service.d";
  const text = ["[Service]", ...lines].map((line) => `"${line}"`).join(" ");
  return `sudo mkdir -p ${directory} && printf '%s\\n' ${text} | sudo tee ${directory}/${name}.conf && sudo systemctl daemon-reload && sudo systemctl restart cgwatch`;
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
  // Opening a FIFO blocks until it has a writer.
  if (info.isFifo) await access(seen, constants.R_OK);
  else {
    using file = await Deno.open(seen);
    // The kernel checks CAP_SYSLOG at open, some sandboxes at the first read.
    if (!info.isCharDevice) await file.read(new Uint8Array(1));
  }
  return ok(seen);
}

async function findProcesses(fs: HostFs): Promise<Finding> {
  await readText(fs, "/proc/self/cgroup");
  await readText(fs, "/proc/1/cgroup");
  return ok("/proc/PID of other users");
}

/** Only local ones: a remote one may hang, and then this process could not end. */
async function findFilesystems(fs: HostFs): Promise<Finding> {
  // Reports the error.
  if (readMounts(fs).length === 0) await readText(fs, "/proc/self/mountinfo");
  const hidden = await hiddenMounts(fs);
  return hidden.length === 0
    ? ok("all local mounts are visible")
    : missing(hiddenDetail(hidden));
}

async function findInotify(fs: HostFs): Promise<Finding> {
  const read = (name: string) => readNumber(fs, `/proc/sys/fs/inotify/${name}`);
  const watches = await read("max_user_watches");
  const instances = await read("max_user_instances");
  const detail = `${watches} watches, ${instances} instances`;
  return watches >= MIN_WATCHES && instances > 1 ? ok(detail) : missing(detail);
}

async function findOpenFiles(): Promise<Finding> {
  const path = "/proc/self/limits";
  const limit = parseOpenFilesLimit(await readText(new HostFs(), path));
  if (limit === undefined) {
    return missing(`Cannot parse "${path}": no limit of open files`);
  }
  const detail = `at most ${limit} here`;
  return limit >= MIN_OPEN_FILES ? ok(detail) : missing(detail);
}

/** @throws {Error} with the file */
async function readNumber(fs: HostFs, hostPath: string): Promise<number> {
  const text = (await readText(fs, hostPath)).trim();
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(
    `Cannot parse "${
      fs.path(hostPath)
    }": unexpected "${text}", expected a number`,
  );
}

/** @throws {Error} with the file */
async function readText(fs: HostFs, hostPath: string): Promise<string> {
  return await Deno.readTextFile(fs.path(hostPath));
}

async function findEventLog(path: string): Promise<Finding> {
  if (path === "none") {
    return { state: "off", detail: "turned off by --event-log=none" };
  }
  if (path === "-") return ok("stdout; --event-log=PATH for a file");
  if (await exists(path)) await access(path, constants.W_OK);
  // Rotation writes to the directory.
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
      ? missing(`${path} does not respond`)
      : ok(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { state: "off", detail: `no ${path}` };
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      return missing(`${NO_PERMISSION} ${path}`);
    }
    throw error;
  }
}
