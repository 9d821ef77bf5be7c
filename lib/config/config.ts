// Exceeds 300 lines: lists each setting with its type.

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

/** Settings of `serve`. */
export interface Config {
  readonly verb: "serve";
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** @default no authentication */
  readonly authTokenFile?: string;
  /** @default no TLS */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** `Host` names on loopback, besides the address and `localhost`. */
  readonly allowedHosts: readonly string[];
  /** Prefix of API paths without a trailing slash, or empty. */
  readonly basePath: string;
  readonly metricsPath: string;
  /** cAdvisor flags without effect, as given. */
  readonly ignoredFlags: readonly string[];
  readonly maxStreams: number;
  /** A path; `-` is stdout, `none` disables the log. */
  readonly eventLog: string;
  /** 0 disables rotation. */
  readonly eventLogMaxSizeBytes: number;
  /** Maximum number of rotated files. */
  readonly eventLogKeep: number;
  /** Milliseconds from write to sync; `always` syncs each batch. */
  readonly eventLogSync: number | "always" | "never";
  readonly storagePolicy: StoragePolicy;
  /** The host's root directory. */
  readonly root: string;
  /** The v2 mount, or the directory of v1 mounts. @default from mountinfo */
  readonly cgroupRoot?: string;
  /** A path; `none` disables the kernel log. */
  readonly kmsg: string;
  readonly housekeepingIntervalMs: number;
  /** While values do not change; at least {@linkcode Config.housekeepingIntervalMs}. */
  readonly maxHousekeepingIntervalMs: number;
  readonly allowDynamicHousekeeping: boolean;
  /** Between full listings of cgroups. */
  readonly globalHousekeepingIntervalMs: number;
  readonly storageDurationMs: number;
  /** The first readable file is used. */
  readonly machineIdFiles: readonly string[];
  /** The first readable file is used. */
  readonly bootIdFiles: readonly string[];
  readonly metricKinds: ReadonlySet<MetricKind>;
  /** Prefixes of raw cgroups that are containers, besides the root; empty for all. */
  readonly rawCgroupPrefixWhitelist: readonly string[];
  /** If the prefix list is empty, ignores raw cgroups except the root. */
  readonly dockerOnly: boolean;
  /** `full` includes command lines. */
  readonly allowPs: "off" | "on" | "full";
  /** Reported labels; a trailing `*` matches any suffix. */
  readonly containerLabels: readonly string[];
  readonly storeContainerLabels: boolean;
  /** Sockets with Docker's API. */
  readonly engineSockets: Readonly<Record<"docker" | "podman", string>>;
  readonly runtimeRoots: RootOverrides;
  /** cgroup v2 only. */
  readonly pressureEvents: boolean;
  readonly nodeEvents: boolean;
  /** @default the hostname */
  readonly nodeName?: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "text" | "json";
}

/** A verb other than `serve`, with valid flags. */
export interface OtherCommand {
  readonly verb: Exclude<FlagVerb, "serve">;
  readonly argument?: string;
  readonly values: FlagValues;
}

/** A parsed command line. */
export type Command = Config | OtherCommand | {
  /** Prints the valid configuration and exits. */
  readonly verb: "print-config";
  /** JSON with each flag's value and origin. */
  readonly text: string;
};

const EMPTY_HOST: ConfigHost = {
  env: () => undefined,
  readText: () => {
    throw new Error("Cannot read files: none are available");
  },
};

/**
 * Parses `[VERB] [FLAGS]`. Flags take precedence over environment variables,
 * then the file of `--config`, then defaults. The last value of a repeated flag
 * is used; lists are concatenated.
 *
 * @throws {UsageError} with the flag, the value and the expected format
 */
export function parseConfig(
  args: readonly string[],
  host: ConfigHost = EMPTY_HOST,
): Command {
  const { verb, argument, ...commandLine } = parseCommandLine(args);
  const values = new FlagValues(commandLine.flags, host);
  if (verb === "serve") return serveCommand(commandLine, values, host);
  values.validate(verb);
  return { verb, ...(argument !== undefined && { argument }), values };
}

function serveCommand(
  commandLine: Pick<CommandLine, "flags" | "ignoredFlags">,
  valuesWithoutFile: FlagValues,
  host: ConfigHost,
): Command {
  const path = valuesWithoutFile.optional("config");
  const file = path === undefined ? undefined : readConfigFile(path, host);
  const values = new FlagValues(commandLine.flags, host, file);
  const ignoredFlags = [
    ...commandLine.ignoredFlags,
    ...file?.ignoredFlags ?? [],
  ];
  const config = createConfig(values, ignoredFlags);
  if (!values.bool("print-config")) return config;
  const rows = FLAGS.filter((flag) => verbsOf(flag).includes("serve"))
    .map(({ name }) =>
      `  "${name}": ${JSON.stringify(describe(name, values, config))}`
    );
  return { verb: "print-config", text: `{\n${rows.join(",\n")}\n}` };
}

/**
 * Returns a flag's value and origin: cAdvisor's `--listen-ip`, `--port` and
 * `-v` if they set that of `--listen` or `--log-level`.
 */
function describe(
  name: FlagName,
  values: FlagValues,
  config: Config,
): ReturnType<FlagValues["describe"]> {
  const given = (["listen-ip", "port"] as const).filter((other) =>
    values.has(other)
  );
  if (name === "listen" && !values.has("listen") && given.length > 0) {
    const value = config.listen.map((address) =>
      formatListenAddress(address).replace("http://", "")
    ).join();
    return { value, from: `--${given.join(", --")}` };
  }
  if (name === "log-level" && values.text(name) !== config.logLevel) {
    return { value: config.logLevel, from: values.describe("v").from };
  }
  return values.describe(name);
}

function createConfig(
  values: FlagValues,
  ignoredFlags: readonly string[],
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
    ...secretFiles(values),
    allowedHosts: values.list("allowed-hosts"),
    basePath: values.urlPath("url-base-prefix"),
    metricsPath: values.urlPath("prometheus-endpoint") || "/metrics",
    ignoredFlags,
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
    // As in cAdvisor, an interval above the maximum is valid and constant.
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

/** Configuration without flags, environment and files. */
export const DEFAULT_CONFIG: Config = createConfig(
  new FlagValues(new Map(), { env: () => undefined, readText: () => "" }),
  [],
);

/** Returns `--listen` or, if absent, cAdvisor's `--listen-ip` and `--port`. */
function listenAddresses(values: FlagValues): readonly ListenAddress[] {
  // By default one TCP address.
  const [first, ...others] = values.addresses("listen");
  const port = values.int("port");
  if (values.has("listen") || first?.type !== "tcp") {
    return [first, ...others].filter((address) => address !== undefined);
  }
  if (port > 65_535) {
    throw new UsageError(
      `--port: invalid port "${port}", expected at most 65535`,
    );
  }
  const hostname = values.has("listen-ip")
    ? values.optional("listen-ip") ?? "0.0.0.0"
    : first.hostname;
  return [{ ...first, hostname, port }];
}

function secretFiles(
  values: FlagValues,
): Pick<Config, "authTokenFile" | "tls"> {
  const authTokenFile = values.optional("auth-token-file");
  const certFile = values.optional("tls-cert");
  const keyFile = values.optional("tls-key");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [one, other] = certFile === undefined
      ? ["tls-key", "tls-cert"]
      : ["tls-cert", "tls-key"];
    throw new UsageError(`--${one}: requires --${other}`);
  }
  return {
    ...(authTokenFile !== undefined && { authTokenFile }),
    ...(certFile !== undefined && keyFile !== undefined &&
      { tls: { certFile, keyFile } }),
  };
}

/** Returns `--log-level`; without it, `-v=4` and higher select `debug`, as in klog. */
function logLevel(values: FlagValues): Config["logLevel"] {
  const level = values.choice("log-level");
  const isVerbose = values.int("v") >= 4;
  return isVerbose && !values.has("log-level") ? "debug" : level;
}

/** Returns `--enable-metrics`, otherwise all kinds except `--disable-metrics`. */
function collectedKinds(values: FlagValues): ReadonlySet<MetricKind> {
  const enabled = values.metricKinds("enable-metrics");
  // In cAdvisor, `process` includes file descriptors.
  if (enabled.has("process")) enabled.add("descriptors");
  if (enabled.size > 0) return enabled;
  const disabled = values.metricKinds("disable-metrics");
  if (disabled.has("process")) disabled.add("descriptors");
  return new Set(METRIC_KINDS).difference(disabled);
}
