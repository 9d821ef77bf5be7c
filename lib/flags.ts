/** How a flag's text is read. */
export type FlagKind =
  | "string"
  | "duration"
  | "size"
  | "int"
  | "bool"
  | "list"
  | "choice";

/** One flag: what it is called, how it is read, and what `--help` says of it. */
export interface Flag {
  /** Without dashes before it. */
  readonly name: string;
  /** How its text is read. */
  readonly kind: FlagKind;
  /** The text read where nobody says anything else; absent where that says nothing. */
  readonly default?: string;
  /** The text read where the flag stands alone; then a value follows only after `=`. @default "true" of a bool */
  readonly alone?: string;
  /** What stands for the value in `--help` where the default does not say enough. */
  readonly value?: string;
  /** The least of an `int`, a `size` in bytes, or a `duration` in milliseconds. */
  readonly min?: number;
  /** What it is for, in a few words. */
  readonly help: string;
}

/**
 * The kinds of measurement, by cAdvisor's names; `descriptors` is ours, and what
 * there belongs to `process`: every process's open files.
 */
export const METRIC_KINDS = [
  "advtcp",
  "app",
  "cpu",
  "cpuLoad",
  "cpu_topology",
  "cpuset",
  "descriptors",
  "disk",
  "diskIO",
  "hugetlb",
  "memory",
  "memory_numa",
  "network",
  "oom_event",
  "percpu",
  "perf_event",
  "pressure",
  "process",
  "referenced_memory",
  "resctrl",
  "sched",
  "tcp",
  "udp",
] as const;

/** A kind of measurement. */
export type MetricKind = typeof METRIC_KINDS[number];

/**
 * cAdvisor's set, less `process`, which without `descriptors` is `cgroup.procs`
 * and two files of the pids controller.
 */
const DISABLED_METRICS = [
  "advtcp",
  "cpu_topology",
  "cpuset",
  "descriptors",
  "hugetlb",
  "memory_numa",
  "referenced_memory",
  "resctrl",
  "sched",
  "tcp",
  "udp",
] as const satisfies readonly MetricKind[];

/** A shorter beat leaves no time to read a few hundred containers. */
const MIN_INTERVAL_MS = 10;

/** All flags, in the order of `--help`. */
export const FLAGS = [
  {
    name: "listen",
    kind: "list",
    default: "127.0.0.1:8080",
    help: "host:port, [::1]:8080 or unix:/path; many",
  },
  {
    name: "max-streams",
    kind: "int",
    default: "64",
    min: 0,
    help: "event streams at once; more get 503",
  },
  {
    name: "event-log",
    kind: "string",
    default: "-",
    help: "NDJSON file; - is stdout; none",
  },
  {
    name: "event-log-max-size",
    kind: "size",
    default: "64MiB",
    min: 0,
    help: "rotate before it grows larger; 0 never",
  },
  {
    name: "event-log-keep",
    kind: "int",
    default: "5",
    min: 0,
    help: "rotated files kept",
  },
  {
    name: "event-log-sync",
    kind: "string",
    default: "1s",
    help: "an interval, always or never",
  },
  {
    name: "event-storage-age-limit",
    kind: "string",
    default: "default=24h",
    help: "age of events kept, by type",
  },
  {
    name: "event-storage-event-limit",
    kind: "string",
    default: "default=100000",
    help: "number of events kept, by type",
  },
  {
    name: "root",
    kind: "string",
    default: "/",
    help: "where the host's root is seen",
  },
  {
    name: "cgroup-root",
    kind: "string",
    value: "DIR",
    help: "cgroup v2 mount, or folder of v1 mounts",
  },
  {
    name: "kmsg",
    kind: "string",
    default: "/dev/kmsg",
    help: "kernel log: device, FIFO or file; none",
  },
  {
    name: "housekeeping-interval",
    kind: "duration",
    default: "1s",
    min: MIN_INTERVAL_MS,
    help: "between two samples of a container",
  },
  {
    name: "max-housekeeping-interval",
    kind: "duration",
    default: "60s",
    min: MIN_INTERVAL_MS,
    help: "the same while nothing changes",
  },
  {
    name: "allow-dynamic-housekeeping",
    kind: "bool",
    default: "true",
    help: "sample less often what does not change",
  },
  {
    name: "global-housekeeping-interval",
    kind: "duration",
    default: "1m",
    min: MIN_INTERVAL_MS,
    help: "between two listings of all cgroups",
  },
  {
    name: "storage-duration",
    kind: "duration",
    default: "2m",
    min: 0,
    help: "how long samples are kept",
  },
  {
    name: "machine-id-file",
    kind: "list",
    default: "/etc/machine-id,/var/lib/dbus/machine-id",
    value: "PATH,…",
    help: "first readable: /etc/machine-id, D-Bus's",
  },
  {
    name: "boot-id-file",
    kind: "list",
    default: "/proc/sys/kernel/random/boot_id",
    value: "PATH,…",
    help: "the same of the boot; default: the kernel's",
  },
  {
    name: "disable-metrics",
    kind: "list",
    default: DISABLED_METRICS.join(","),
    value: "KIND,…",
    help: "kinds not collected, by cAdvisor's names",
  },
  {
    name: "enable-metrics",
    kind: "list",
    value: "KIND,…",
    help: "only these kinds, whatever is disabled",
  },
  {
    name: "raw-cgroup-prefix-whitelist",
    kind: "list",
    value: "PREFIX,…",
    help: "only plain cgroups that begin so, and /",
  },
  {
    name: "docker-only",
    kind: "bool",
    default: "false",
    help: "without that list: no plain cgroup but /",
  },
  {
    name: "allow-ps",
    kind: "choice",
    default: "off",
    alone: "on",
    help: "list processes; full: and command lines",
  },
  {
    name: "store-container-labels",
    kind: "bool",
    default: "false",
    help: "tell all labels of containers",
  },
  {
    name: "whitelisted-container-labels",
    kind: "list",
    default:
      "io.kubernetes.*,com.docker.compose.project,com.docker.compose.service",
    value: "NAME,…",
    help: "else only these; NAME* is a beginning",
  },
  {
    name: "docker",
    kind: "string",
    default: "unix:///var/run/docker.sock",
    help: "where Docker listens",
  },
  {
    name: "docker-root",
    kind: "string",
    value: "DIR",
    help: "Docker's data; default: what it says",
  },
  {
    name: "podman",
    kind: "string",
    default: "unix:///var/run/podman/podman.sock",
    help: "where Podman's service listens",
  },
  {
    name: "containers-storage",
    kind: "string",
    value: "DIR",
    help: "of Podman and CRI-O; default: what they say",
  },
  {
    name: "containerd",
    kind: "string",
    value: "SOCKET",
    help: "its state is beside it; default: what it says",
  },
  {
    name: "pressure-events",
    kind: "bool",
    default: "false",
    help: "tell when a memory limit is met (v2)",
  },
  {
    name: "node-events",
    kind: "bool",
    default: "false",
    help: "tell the kubelet's SystemOOM",
  },
  {
    name: "node-name",
    kind: "string",
    value: "NAME",
    help: "in every event; default: the hostname",
  },
  {
    name: "log-level",
    kind: "choice",
    default: "info",
    help: "debug, info, warn or error",
  },
  {
    name: "log-format",
    kind: "choice",
    default: "text",
    help: "of diagnostics: text, or json lines",
  },
] as const satisfies readonly Flag[];

/** The name of a flag. */
export type FlagName = typeof FLAGS[number]["name"];
