// Longer than other files: it is the one table that parsing, help, the man page and the shells'
// completions are made from.

/** How a flag's text is read. */
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
  | "sync";

/** What can be done that has flags of its own. */
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

/** One flag: what it is called, how it is read, and what `--help` says of it. */
export interface Flag {
  /** Without dashes before it. */
  readonly name: string;
  /** How its text is read. */
  readonly kind: FlagKind;
  /** The text read where nobody says anything else; absent where that says nothing. */
  readonly default?: string;
  /** The text read where no value follows the flag. @default "true" of a bool */
  readonly alone?: string;
  /** What stands for the value in `--help` where the default does not say enough. */
  readonly value?: string;
  /** The least of an `int`, a `size` in bytes, or a `duration` in milliseconds. */
  readonly min?: number;
  /** The words of a `choice`. */
  readonly choices?: readonly string[];
  /** Whose flag it is. @default ["serve"] */
  readonly verbs?: readonly FlagVerb[];
  /** One letter that stands for it. */
  readonly short?: string;
  /** Whether it is not told in `--help` but in the man page alone. @default false */
  readonly minor?: boolean;
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

/** The verbs that send requests to a running agent. */
const CLIENT_VERBS = [
  "explain",
  "top",
  "events",
  "list",
  "inspect",
  "machine",
  "version",
] as const satisfies readonly FlagVerb[];

/** All flags, in the order of `--help`. */
export const FLAGS = [
  {
    name: "listen",
    kind: "addresses",
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
    name: "auth-token-file",
    kind: "string",
    value: "FILE",
    help: "tokens, one a line; then one is needed",
  },
  {
    name: "tls-cert",
    kind: "string",
    value: "FILE",
    help: "certificates, PEM; with --tls-key",
  },
  {
    name: "tls-key",
    kind: "string",
    value: "FILE",
    help: "their private key, PEM",
  },
  {
    name: "allowed-hosts",
    kind: "list",
    value: "NAME,…",
    help: 'more names for "Host" on loopback',
  },
  {
    name: "event-log",
    kind: "path",
    verbs: ["serve", "check"],
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
    kind: "sync",
    default: "1s",
    help: "an interval, always or never",
  },
  {
    name: "event-storage-age-limit",
    kind: "ages",
    default: "default=24h",
    help: "age of events kept, by type",
  },
  {
    name: "event-storage-event-limit",
    kind: "counts",
    default: "default=100000",
    help: "number of events kept, by type",
  },
  {
    name: "root",
    kind: "path",
    verbs: ["serve", "check"],
    default: "/",
    help: "where the host's root is seen",
  },
  {
    name: "cgroup-root",
    kind: "string",
    verbs: ["serve", "check"],
    value: "DIR",
    help: "cgroup v2 mount, or folder of v1 mounts",
  },
  {
    name: "kmsg",
    kind: "path",
    verbs: ["serve", "check"],
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
    kind: "metrics",
    default: DISABLED_METRICS.join(","),
    value: "KIND,…",
    help: "kinds not collected, by cAdvisor's names",
  },
  {
    name: "enable-metrics",
    kind: "metrics",
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
    choices: ["off", "on", "full"],
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
    kind: "socket",
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
    kind: "socket",
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
    choices: ["debug", "info", "warn", "error"],
    default: "info",
    help: "debug, info, warn or error",
  },
  {
    name: "log-format",
    kind: "choice",
    choices: ["text", "json"],
    default: "text",
    help: "of diagnostics: text, or json lines",
  },
  {
    name: "config",
    kind: "string",
    value: "FILE",
    help: "JSON with these names as keys",
  },
  {
    name: "print-config",
    kind: "bool",
    default: "false",
    help: "print all values and their origin, and end",
  },
  {
    name: "prometheus-endpoint",
    kind: "url-path",
    default: "/metrics",
    minor: true,
    help: "path of the metrics",
  },
  {
    name: "url-base-prefix",
    kind: "url-path",
    value: "PATH",
    minor: true,
    help: "what all paths begin with",
  },
  {
    name: "listen-ip",
    kind: "string",
    value: "IP",
    minor: true,
    help: "where --listen is not given: its address; empty is all",
  },
  {
    name: "port",
    kind: "int",
    default: "8080",
    min: 0,
    minor: true,
    help: "where --listen is not given: its port",
  },
  {
    name: "v",
    kind: "int",
    default: "2",
    min: 0,
    minor: true,
    help: "where --log-level is not given: from 4 on, debug",
  },
  {
    name: "server",
    kind: "string",
    default: "127.0.0.1:8080",
    value: "ADDR",
    verbs: [...CLIENT_VERBS, "check"],
    help: "127.0.0.1:8080, unix:/path, https://host:port",
  },
  {
    name: "token-file",
    kind: "string",
    value: "FILE",
    verbs: [...CLIENT_VERBS, "check"],
    help: "its first token is sent; or CGWATCH_TOKEN",
  },
  {
    name: "tls-ca",
    kind: "string",
    value: "FILE",
    verbs: [...CLIENT_VERBS, "check"],
    help: "certificates to trust for https, PEM",
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
    kind: "duration",
    value: "10m",
    min: 0,
    verbs: ["events"],
    help: "only events of the last 10 minutes",
  },
  {
    name: "type",
    kind: "list",
    value: "TYPE,…",
    verbs: ["events"],
    help: "only these, such as oom,oomKill",
  },
  {
    name: "follow",
    kind: "bool",
    default: "false",
    short: "f",
    verbs: ["events"],
    help: "then print new events: kills and containers",
  },
  {
    name: "all",
    kind: "bool",
    default: "false",
    short: "a",
    verbs: ["events", "top"],
    help: "every cgroup; else containers and what runs",
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
    help: "the newest kill, also of CONTAINER",
  },
  {
    name: "once",
    kind: "bool",
    default: "false",
    verbs: ["top"],
    help: "print one table and exit, as into a pipe",
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
    help: "each cgroup below its parent",
  },
  {
    name: "watch",
    kind: "bool",
    default: "false",
    short: "w",
    verbs: ["list"],
    help: "refresh it every two seconds",
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
    verbs: ["list", "top"],
    help: "name, cpu, memory, io, oom, network, …",
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

/** Titles in `--help`, by the flag with which a group begins. */
export const FLAG_GROUPS: ReadonlyMap<string, string> = new Map([
  ["listen", "API"],
  ["event-log", "Event log"],
  ["root", "Host"],
  ["housekeeping-interval", "Sampling"],
  ["allow-ps", "Containers and their names"],
  ["pressure-events", "Events and diagnostics"],
  ["config", "Configuration"],
  ["server", "Connection"],
  ["output", ""],
]);

/** The name of a flag. */
export type FlagName = typeof FLAGS[number]["name"];
