// Exceeds 300 lines: the table of parser, help, man page and completions.

/** A value's format. */
export type FlagKind =
  | "string"
  | "path"
  | "url-path"
  | "socket"
  | "duration"
  | "size"
  | "int"
  | "bool"
  | "list"
  | "choice"
  | "addresses"
  | "metrics"
  | "ages"
  | "counts"
  | "sync"
  | "since";

/** Verbs with flags. */
export type FlagVerb =
  | "serve"
  | "explain"
  | "top"
  | "events"
  | "list"
  | "inspect"
  | "machine"
  | "check"
  | "version"
  | "completion"
  | "help";

/** A command-line flag. */
export interface Flag {
  /** Without leading dashes. */
  readonly name: string;
  readonly kind: FlagKind;
  /** Absent for an empty string. */
  readonly default?: string;
  /** Value if only the name is given. @default "true" for a bool, otherwise required */
  readonly implicitValue?: string;
  /** Placeholder in `--help`, if the default is not descriptive. */
  readonly value?: string;
  /** Minimum of an `int`, a `size` in bytes, or a `duration` in milliseconds. */
  readonly min?: number;
  readonly choices?: readonly string[];
  /** @default ["serve"] */
  readonly verbs?: readonly FlagVerb[];
  /** One letter. */
  readonly short?: string;
  /** Only in the man page. @default false */
  readonly minor?: boolean;
  readonly help: string;
}

/**
 * cAdvisor's names, and `descriptors`: open files per process, which cAdvisor
 * includes in `process`.
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

/** A metric kind. */
export type MetricKind = typeof METRIC_KINDS[number];

/**
 * cAdvisor's default without `process`, which without `descriptors` reads only
 * `cgroup.procs` and two pids files.
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

/** Too short for several hundred containers. */
const MIN_INTERVAL_MS = 10;

const CLIENT_VERBS = [
  "explain",
  "top",
  "events",
  "list",
  "inspect",
  "machine",
  "version",
] as const satisfies readonly FlagVerb[];

/** In the order of `--help`. */
export const FLAGS = [
  {
    name: "listen",
    kind: "addresses",
    default: "127.0.0.1:8080",
    help: "host:port, [::1]:8080 or unix:/path; repeatable",
  },
  {
    name: "max-streams",
    kind: "int",
    default: "64",
    min: 0,
    help: "concurrent event streams; more get 503",
  },
  {
    name: "auth-token-file",
    kind: "string",
    value: "FILE",
    help: "file of accepted bearer tokens, one per line",
  },
  {
    name: "tls-cert",
    kind: "string",
    value: "FILE",
    help: "certificate chain, PEM; requires --tls-key",
  },
  {
    name: "tls-key",
    kind: "string",
    value: "FILE",
    help: "private key of the certificate, PEM",
  },
  {
    name: "allowed-hosts",
    kind: "list",
    value: "NAME,…",
    help: 'more names accepted in "Host" on loopback',
  },
  {
    name: "event-log",
    kind: "path",
    verbs: ["serve", "check"],
    default: "-",
    help: "NDJSON file; - for stdout, none to disable",
  },
  {
    name: "event-log-max-size",
    kind: "size",
    default: "64MiB",
    min: 0,
    help: "rotate at this size; 0 for never",
  },
  {
    name: "event-log-keep",
    kind: "int",
    default: "5",
    min: 0,
    help: "number of rotated files",
  },
  {
    name: "event-log-sync",
    kind: "sync",
    default: "1s",
    help: "sync interval, always or never",
  },
  {
    name: "event-storage-age-limit",
    kind: "ages",
    default: "default=24h",
    help: "maximum age of stored events, by type",
  },
  {
    name: "event-storage-event-limit",
    kind: "counts",
    default: "default=100000",
    help: "maximum number of stored events, by type",
  },
  {
    name: "root",
    kind: "path",
    verbs: ["serve", "check"],
    default: "/",
    help: "path of the host's root directory",
  },
  {
    name: "cgroup-root",
    kind: "string",
    verbs: ["serve", "check"],
    value: "DIR",
    help: "cgroup v2 mount, or directory of v1 mounts",
  },
  {
    name: "kmsg",
    kind: "path",
    verbs: ["serve", "check"],
    default: "/dev/kmsg",
    help: "kernel log: device, FIFO, file or none",
  },
  {
    name: "housekeeping-interval",
    kind: "duration",
    default: "1s",
    min: MIN_INTERVAL_MS,
    help: "interval between samples of a container",
  },
  {
    name: "max-housekeeping-interval",
    kind: "duration",
    default: "60s",
    min: MIN_INTERVAL_MS,
    help: "maximum interval while values do not change",
  },
  {
    name: "allow-dynamic-housekeeping",
    kind: "bool",
    default: "true",
    help: "sample unchanged containers less often, until they use CPU time",
  },
  {
    name: "global-housekeeping-interval",
    kind: "duration",
    default: "1m",
    min: MIN_INTERVAL_MS,
    help: "interval between scans of all cgroups",
  },
  {
    name: "storage-duration",
    kind: "duration",
    default: "2m",
    min: 0,
    help: "maximum age of samples",
  },
  {
    name: "machine-id-file",
    kind: "list",
    default: "/etc/machine-id,/var/lib/dbus/machine-id",
    value: "PATH,…",
    help: "machine ID; default: /etc/machine-id, D-Bus",
  },
  {
    name: "boot-id-file",
    kind: "list",
    default: "/proc/sys/kernel/random/boot_id",
    value: "PATH,…",
    help: "boot ID; default: the kernel's",
  },
  {
    name: "disable-metrics",
    kind: "metrics",
    default: DISABLED_METRICS.join(","),
    value: "KIND,…",
    help: "disabled metric kinds, by cAdvisor's names",
  },
  {
    name: "enable-metrics",
    kind: "metrics",
    value: "KIND,…",
    help: "only these kinds; overrides --disable-metrics",
  },
  {
    name: "raw-cgroup-prefix-whitelist",
    kind: "list",
    value: "PREFIX,…",
    help: "only raw cgroups with a prefix, and /",
  },
  {
    name: "docker-only",
    kind: "bool",
    default: "false",
    help: "without prefixes: ignore raw cgroups except /",
  },
  {
    name: "allow-ps",
    kind: "choice",
    choices: ["off", "on", "full"],
    default: "off",
    implicitValue: "on",
    help: "process list; full: with command lines",
  },
  {
    name: "store-container-labels",
    kind: "bool",
    default: "false",
    help: "export all container labels",
  },
  {
    name: "whitelisted-container-labels",
    kind: "list",
    default:
      "io.kubernetes.*,com.docker.compose.project,com.docker.compose.service",
    value: "NAME,…",
    help: "otherwise only these; NAME* is a prefix",
  },
  {
    name: "docker",
    kind: "socket",
    default: "unix:///var/run/docker.sock",
    help: "socket of Docker",
  },
  {
    name: "docker-root",
    kind: "string",
    value: "DIR",
    help: "Docker's data; default: as Docker reports",
  },
  {
    name: "podman",
    kind: "socket",
    default: "unix:///var/run/podman/podman.sock",
    help: "socket of Podman's service",
  },
  {
    name: "containers-storage",
    kind: "string",
    value: "DIR",
    help: "Podman and CRI-O data; default: as configured",
  },
  {
    name: "containerd",
    kind: "string",
    value: "SOCKET",
    help: "socket, next to its state; default: as configured",
  },
  {
    name: "pressure-events",
    kind: "bool",
    default: "false",
    help: "emit events for reached memory limits (v2)",
  },
  {
    name: "node-events",
    kind: "bool",
    default: "false",
    help: "emit the kubelet's SystemOOM events",
  },
  {
    name: "node-name",
    kind: "string",
    value: "NAME",
    help: "node name in events; default: the hostname",
  },
  {
    name: "log-level",
    kind: "choice",
    choices: ["debug", "info", "warn", "error"],
    default: "info",
    help: "minimum level: debug, info, warn or error",
  },
  {
    name: "log-format",
    kind: "choice",
    choices: ["text", "json"],
    default: "text",
    help: "log format: text, or JSON lines",
  },
  {
    name: "config",
    kind: "string",
    value: "FILE",
    help: "JSON file with flag names as keys",
  },
  {
    name: "print-config",
    kind: "bool",
    default: "false",
    help: "print all values with their origin, and exit",
  },
  {
    name: "prometheus-endpoint",
    kind: "url-path",
    default: "/metrics",
    minor: true,
    help: "URL path of the metrics",
  },
  {
    name: "url-base-prefix",
    kind: "url-path",
    value: "PATH",
    minor: true,
    help: "prefix of all URL paths",
  },
  {
    name: "listen-ip",
    kind: "string",
    value: "IP",
    minor: true,
    help: "listen address if --listen is absent; empty for all",
  },
  {
    name: "port",
    kind: "int",
    default: "8080",
    min: 0,
    minor: true,
    help: "listen port if --listen is absent",
  },
  {
    name: "v",
    kind: "int",
    default: "2",
    min: 0,
    minor: true,
    help: "klog verbosity if --log-level is absent; from 4: debug",
  },
  {
    name: "server",
    kind: "string",
    default: "127.0.0.1:8080",
    value: "ADDR",
    verbs: [...CLIENT_VERBS, "check"],
    help: "127.0.0.1:8080, unix:/path, https://host:port/prefix",
  },
  {
    name: "token-file",
    kind: "string",
    value: "FILE",
    verbs: [...CLIENT_VERBS, "check"],
    help: "send the first token; or set CGWATCH_TOKEN",
  },
  {
    name: "tls-ca",
    kind: "string",
    value: "FILE",
    verbs: [...CLIENT_VERBS, "check"],
    help: "trusted CA certificates for https, PEM",
  },
  {
    name: "output",
    kind: "choice",
    choices: ["table", "json", "ndjson"],
    default: "table",
    short: "o",
    verbs: [
      "explain",
      "events",
      "list",
      "inspect",
      "machine",
      "version",
      "check",
    ],
    help: "table, json or ndjson",
  },
  {
    name: "since",
    kind: "since",
    value: "10m",
    verbs: ["events"],
    help: "only events of the last 10 minutes, or since 03:12",
  },
  {
    name: "type",
    kind: "list",
    value: "TYPE,…",
    verbs: ["events"],
    help: "only these types, such as oom,oomKill",
  },
  {
    name: "follow",
    kind: "bool",
    default: "false",
    short: "f",
    verbs: ["events"],
    help: "then stream new events: kills and containers",
  },
  {
    name: "all",
    kind: "bool",
    default: "false",
    short: "a",
    verbs: ["events", "top"],
    help: "also cgroups without containers or processes",
  },
  {
    name: "file",
    kind: "string",
    value: "FILE",
    verbs: ["explain", "events"],
    help: "read an event log and its rotated parts",
  },
  {
    name: "last",
    kind: "bool",
    default: "false",
    verbs: ["explain"],
    help: "the newest kill, or that of NAME or TIME",
  },
  {
    name: "once",
    kind: "bool",
    default: "false",
    verbs: ["top"],
    help: "print one table and exit, for use in pipes",
  },
  {
    name: "filter",
    kind: "string",
    value: "TEXT",
    verbs: ["top"],
    help: "only names with TEXT, type:docker or pod:web",
  },
  {
    name: "tree",
    kind: "bool",
    default: "false",
    verbs: ["top"],
    help: "show each cgroup below its parent",
  },
  {
    name: "watch",
    kind: "bool",
    default: "false",
    short: "w",
    verbs: ["list"],
    help: "refresh every two seconds",
  },
  {
    name: "sort",
    kind: "choice",
    choices: [
      "name",
      "cpu",
      "memory",
      "io",
      "network",
      "processes",
      "throttled",
      "oom",
    ],
    value: "KEY",
    default: "name",
    short: "s",
    verbs: ["list", "top"],
    help: "sort key: name, cpu, memory, io, oom, …",
  },
  {
    name: "man",
    kind: "bool",
    default: "false",
    verbs: ["help"],
    help: "print the man page, as for man -l -",
  },
  {
    name: "openapi",
    kind: "bool",
    default: "false",
    verbs: ["help"],
    help: "print the OpenAPI 3.1 description of the API",
  },
] as const satisfies readonly Flag[];

/** Keyed by each group's first flag. */
export const FLAG_GROUPS: ReadonlyMap<string, string> = new Map([
  ["listen", "API"],
  ["event-log", "Event log"],
  ["root", "Host"],
  ["housekeeping-interval", "Sampling"],
  ["allow-ps", "Containers"],
  ["pressure-events", "Events and diagnostics"],
  ["config", "Configuration"],
  ["server", "Connection"],
  ["output", ""],
]);

/** A flag's name. */
export type FlagName = typeof FLAGS[number]["name"];
