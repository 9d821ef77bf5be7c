import { parseCommandLine, UsageError } from "./command_line.ts";
import type { StoragePolicy } from "./events/storage_policy.ts";
import { FlagValues } from "./flag_values.ts";
import { type Flag, FLAGS, METRIC_KINDS, type MetricKind } from "./flags.ts";
import type { EngineName } from "./runtimes/docker_json.ts";
import type { RootOverrides } from "./runtimes/runtime_roots.ts";
import type { ListenAddress } from "./model/listen_address.ts";

export { UsageError };

/** What `serve` is told, by flags, environment and defaults. */
export interface Config {
  /** Tells it from what other verbs are told. */
  readonly verb: "serve";
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** Event streams at once. */
  readonly maxStreams: number;
  /** A path; `-` is stdout, `none` no log. */
  readonly eventLog: string;
  /** The log begins anew before it is larger; 0 for no bound. */
  readonly eventLogMaxSizeBytes: number;
  /** Earlier parts of the log that stay beside it. */
  readonly eventLogKeep: number;
  /** Milliseconds between two syncs, or when else to sync. */
  readonly eventLogSync: number | "always" | "never";
  /** How long, and how many, events are kept. */
  readonly storagePolicy: StoragePolicy;
  /** Where the host's root is seen. */
  readonly root: string;
  /** The cgroup v2 mount, or the folder of v1 mounts. @default from mountinfo */
  readonly cgroupRoot?: string;
  /** A path; `none` where the kernel log is not read. */
  readonly kmsg: string;
  /** From one sample of a container to the next. */
  readonly housekeepingIntervalMs: number;
  /** The same while nothing changes; not below {@linkcode Config.housekeepingIntervalMs}. */
  readonly maxHousekeepingIntervalMs: number;
  /** Whether a container that does not change is sampled less often. */
  readonly allowDynamicHousekeeping: boolean;
  /** From one listing of all cgroups to the next. */
  readonly globalHousekeepingIntervalMs: number;
  /** Samples older than this go. */
  readonly storageDurationMs: number;
  /** The first that can be read has the machine's id. */
  readonly machineIdFiles: readonly string[];
  /** The same of the boot's id. */
  readonly bootIdFiles: readonly string[];
  /** The kinds of measurement that are collected. */
  readonly metricKinds: ReadonlySet<MetricKind>;
  /** If not empty, the only plain cgroups that are containers, by the beginning of their names; and the root. */
  readonly rawCgroupPrefixWhitelist: readonly string[];
  /** Whether plain cgroups but the root are no containers; a whitelist that is not empty has its say before. */
  readonly dockerOnly: boolean;
  /** Whether processes are told of, and with their command lines. */
  readonly allowPs: "off" | "on" | "full";
  /** The only labels of containers that are told; one that ends in `*` is a beginning. */
  readonly containerLabels: readonly string[];
  /** Whether all labels are told. */
  readonly storeContainerLabels: boolean;
  /** Where the engines listen that speak Docker's API. */
  readonly engineSockets: Readonly<Record<EngineName, string>>;
  /** Where runtimes keep their state, if not where they say. */
  readonly runtimeRoots: RootOverrides;
  /** Whether containers that meet a memory limit are told of; cgroup v2 only. */
  readonly pressureEvents: boolean;
  /** Whether the events are told that the kubelet would write of the node. */
  readonly nodeEvents: boolean;
  /** What every event bears. @default the hostname */
  readonly nodeName?: string;
  /** The least urgent of the diagnostics that are told. */
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** A line for people, or an object a line. */
  readonly logFormat: "text" | "json";
}

/** What the command line asks for. */
export type Command = Config | { readonly verb: "help" | "version" };

/**
 * Reads `[VERB] [FLAGS]`; a flag wins over its environment variable, and that
 * over its default. Of a flag given twice the last counts, of a list all do.
 *
 * @param env looks up an environment variable
 * @throws {UsageError} saying what was wrong, the value, and the wanted form
 */
export function parseConfig(
  args: readonly string[],
  env: (name: string) => string | undefined = () => undefined,
): Command {
  const { verb, flags } = parseCommandLine(args);
  return verb === "serve" ? createConfig(new FlagValues(flags, env)) : { verb };
}

/** What `--help` prints, without the last newline. */
export function helpText(): string {
  const rows = FLAGS.map((flag: Flag) => [
    `--${flag.name} ${flag.value ?? flag.default ?? ""}`,
    flag.help,
  ]);
  const width = Math.max(...rows.map(([left = ""]) => left.length)) + 2;
  return [
    "Usage: cgwatch [VERB] [FLAGS]",
    "",
    "Verbs: serve (the default), version, help",
    "",
    "Flags, with their defaults:",
    ...rows.map(([left = "", help]) => `  ${left.padEnd(width)}${help}`),
    "",
    "Durations are 300ms, 10s, 1m30s; sizes 64MiB, 10MB. Every flag is also an",
    "environment variable: --event-log is CGWATCH_EVENT_LOG. A flag wins.",
  ].join("\n");
}

function createConfig(values: FlagValues): Config {
  const housekeepingIntervalMs = values.duration("housekeeping-interval");
  const cgroupRoot = values.optional("cgroup-root");
  const nodeName = values.optional("node-name");
  const dockerRoot = values.optional("docker-root");
  const containerd = values.optional("containerd")?.replace(/^unix:\/\//, "");
  const storageRoot = values.optional("containers-storage");
  return {
    verb: "serve",
    listen: values.addresses("listen"),
    maxStreams: values.int("max-streams"),
    eventLog: values.path("event-log"),
    eventLogMaxSizeBytes: values.size("event-log-max-size"),
    eventLogKeep: values.int("event-log-keep"),
    eventLogSync: values.sync("event-log-sync"),
    storagePolicy: values.storagePolicy(
      "event-storage-age-limit",
      "event-storage-event-limit",
    ),
    root: values.path("root"),
    ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
    kmsg: values.path("kmsg"),
    housekeepingIntervalMs,
    // As in cAdvisor, a base interval beyond the greatest is no error: it does not grow then.
    maxHousekeepingIntervalMs: Math.max(
      housekeepingIntervalMs,
      values.duration("max-housekeeping-interval"),
    ),
    allowDynamicHousekeeping: values.bool("allow-dynamic-housekeeping"),
    globalHousekeepingIntervalMs: values.duration(
      "global-housekeeping-interval",
    ),
    storageDurationMs: values.duration("storage-duration"),
    machineIdFiles: values.list("machine-id-file"),
    bootIdFiles: values.list("boot-id-file"),
    metricKinds: collectedKinds(values),
    rawCgroupPrefixWhitelist: values.list("raw-cgroup-prefix-whitelist"),
    dockerOnly: values.bool("docker-only"),
    allowPs: values.choice("allow-ps", ["off", "on", "full"]),
    containerLabels: values.list("whitelisted-container-labels"),
    storeContainerLabels: values.bool("store-container-labels"),
    engineSockets: {
      docker: values.socket("docker"),
      podman: values.socket("podman"),
    },
    runtimeRoots: {
      ...(dockerRoot !== undefined && { dockerRoot }),
      ...(containerd !== undefined && { containerd }),
      ...(storageRoot !== undefined && { storageRoot }),
    },
    pressureEvents: values.bool("pressure-events"),
    nodeEvents: values.bool("node-events"),
    ...(nodeName === undefined ? {} : { nodeName }),
    logLevel: values.choice("log-level", ["debug", "info", "warn", "error"]),
    logFormat: values.choice("log-format", ["text", "json"]),
  };
}

/** What `serve` is told by nobody. */
export const DEFAULT_CONFIG: Config = createConfig(
  new FlagValues(new Map(), () => undefined),
);

function collectedKinds(values: FlagValues): ReadonlySet<MetricKind> {
  const enabled = values.metricKinds("enable-metrics");
  // Who names it wants all that it is in cAdvisor.
  if (enabled.has("process")) enabled.add("descriptors");
  if (enabled.size > 0) return enabled;
  const disabled = values.metricKinds("disable-metrics");
  if (disabled.has("process")) disabled.add("descriptors");
  return new Set(METRIC_KINDS).difference(disabled);
}
