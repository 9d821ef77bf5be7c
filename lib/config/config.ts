// Longer than other files: it names each setting once more, with its type.

import {
  type CommandLine,
  parseCommandLine,
  UsageError,
  verbsOf,
} from "./command_line.ts";
import { type ConfigHost, readConfigFile } from "./config_file.ts";
import type { StoragePolicy } from "../events/storage_policy.ts";
import { FlagValues } from "./flag_values.ts";
import {
  type FlagName,
  FLAGS,
  type FlagVerb,
  METRIC_KINDS,
  type MetricKind,
} from "./flags.ts";
import {
  formatListenAddress,
  type ListenAddress,
} from "../model/listen_address.ts";
import type { RootOverrides } from "../runtimes/runtime_roots.ts";

export { UsageError };

/** What `serve` is told, by flags, environment and defaults. */
export interface Config {
  /** Tells it from what other verbs are told. */
  readonly verb: "serve";
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** A file of tokens, of which a client must show one. @default anybody may ask */
  readonly authTokenFile?: string;
  /** Files of certificates and their key. @default no TLS */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Names that a `Host` may bear on loopback, besides the address and `localhost`. */
  readonly allowedHosts: readonly string[];
  /** What all paths of the API begin with; empty, or without a slash at its end. */
  readonly basePath: string;
  /** Where the metrics are. */
  readonly metricsPath: string;
  /** Flags given that mean nothing here, as they were written. */
  readonly passedOver: readonly string[];
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
  readonly engineSockets: Readonly<Record<"docker" | "podman", string>>;
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

/** A verb other than `serve`, with its flags unread. */
export interface OtherCommand {
  readonly verb: Exclude<FlagVerb, "serve">;
  /** What followed the verb. */
  readonly argument?: string;
  readonly values: FlagValues;
}

/** What the command line asks for. */
export type Command = Config | OtherCommand | {
  /** All is well, and only to be shown. */
  readonly verb: "print-config";
  /** JSON of each flag's value and where it came from. */
  readonly text: string;
};

/** Neither environment nor files. */
const EMPTY_HOST: ConfigHost = {
  env: () => undefined,
  readText: () => {
    throw new Error("There are no files");
  },
};

/**
 * Reads `[VERB] [FLAGS]`. A flag wins over its environment variable, that over
 * the file that `--config` names, and that over the default. Of a flag given
 * twice the last counts, of a list all do.
 *
 * @param host what is read besides the command line; nothing where it is left out
 * @throws {UsageError} saying what was wrong, the value, and the wanted form
 */
export function parseConfig(
  args: readonly string[],
  host: ConfigHost = EMPTY_HOST,
): Command {
  const { verb, argument, ...line } = parseCommandLine(args);
  const values = new FlagValues(line.flags, host);
  if (verb === "serve") return serveCommand(line, values, host);
  values.assertOf(verb);
  return { verb, ...(argument !== undefined && { argument }), values };
}

function serveCommand(
  line: Pick<CommandLine, "flags" | "passedOver">,
  before: FlagValues,
  host: ConfigHost,
): Command {
  const path = before.optional("config");
  const file = path === undefined ? undefined : readConfigFile(path, host);
  const values = new FlagValues(line.flags, host, file);
  const passedOver = [...line.passedOver, ...file?.passedOver ?? []];
  const config = createConfig(values, passedOver);
  if (!values.bool("print-config")) return config;
  const rows = FLAGS.filter((flag) => verbsOf(flag).includes("serve"))
    .map(({ name }) =>
      `  "${name}": ${JSON.stringify(describe(name, values, config))}`
    );
  return { verb: "print-config", text: `{\n${rows.join(",\n")}\n}` };
}

/** Value and origin of a flag; what cAdvisor's flags say for another is told there. */
function describe(
  name: FlagName,
  values: FlagValues,
  config: Config,
): ReturnType<FlagValues["describe"]> {
  const said = (["listen-ip", "port"] as const).filter((other) =>
    values.has(other)
  );
  if (name === "listen" && !values.has("listen") && said.length > 0) {
    const value = config.listen.map((address) =>
      formatListenAddress(address).replace("http://", "")
    ).join();
    return { value, from: `--${said.join(", --")}` };
  }
  if (name === "log-level" && values.text(name) !== config.logLevel) {
    return { value: config.logLevel, from: values.describe("v").from };
  }
  return values.describe(name);
}

function createConfig(
  values: FlagValues,
  passedOver: readonly string[],
): Config {
  const housekeepingIntervalMs = values.duration("housekeeping-interval");
  const cgroupRoot = values.optional("cgroup-root");
  const nodeName = values.optional("node-name");
  const dockerRoot = values.optional("docker-root");
  const containerd = values.optional("containerd")?.replace(/^unix:\/\//, "");
  const storageRoot = values.optional("containers-storage");
  return {
    verb: "serve",
    listen: listenAddresses(values),
    ...secrets(values),
    allowedHosts: values.list("allowed-hosts"),
    basePath: values.urlPath("url-base-prefix"),
    metricsPath: values.urlPath("prometheus-endpoint") || "/metrics",
    passedOver,
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
    allowPs: values.choice("allow-ps"),
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
    logLevel: logLevel(values),
    logFormat: values.choice("log-format"),
  };
}

/** What `serve` is told by nobody. */
export const DEFAULT_CONFIG: Config = createConfig(
  new FlagValues(new Map(), { env: () => undefined, readText: () => "" }),
  [],
);

/** Where `--listen` says nothing, cAdvisor's two flags may: an address alone, or a port alone. */
function listenAddresses(values: FlagValues): readonly ListenAddress[] {
  const [usual, ...more] = values.addresses("listen");
  const port = values.int("port");
  if (values.has("listen") || usual?.type !== "tcp") {
    return [usual, ...more].filter((address) => address !== undefined);
  }
  if (port > 65_535) {
    throw new UsageError(`--port: "${port}" is more than 65535`);
  }
  const hostname = values.has("listen-ip")
    ? values.optional("listen-ip") ?? "0.0.0.0"
    : usual.hostname;
  return [{ ...usual, hostname, port }];
}

function secrets(values: FlagValues): Pick<Config, "authTokenFile" | "tls"> {
  const authTokenFile = values.optional("auth-token-file");
  const certFile = values.optional("tls-cert");
  const keyFile = values.optional("tls-key");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [one, other] = certFile === undefined
      ? ["tls-key", "tls-cert"]
      : ["tls-cert", "tls-key"];
    throw new UsageError(`--${one}: It needs --${other} beside it`);
  }
  return {
    ...(authTokenFile !== undefined && { authTokenFile }),
    ...(certFile !== undefined && keyFile !== undefined &&
      { tls: { certFile, keyFile } }),
  };
}

/** klog, which cAdvisor logs with, tells more from `-v=4` on. */
function logLevel(values: FlagValues): Config["logLevel"] {
  const level = values.choice("log-level");
  const isVerbose = values.int("v") >= 4;
  return isVerbose && !values.has("log-level") ? "debug" : level;
}

function collectedKinds(values: FlagValues): ReadonlySet<MetricKind> {
  const enabled = values.metricKinds("enable-metrics");
  // Who names it wants all that it is in cAdvisor.
  if (enabled.has("process")) enabled.add("descriptors");
  if (enabled.size > 0) return enabled;
  const disabled = values.metricKinds("disable-metrics");
  if (disabled.has("process")) disabled.add("descriptors");
  return new Set(METRIC_KINDS).difference(disabled);
}
