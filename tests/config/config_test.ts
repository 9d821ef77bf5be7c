import type { ConfigHost } from "../../lib/config/config_file.ts";
import { DEFAULT_STORAGE_POLICY } from "../../lib/events/storage_policy.ts";
import { formatListenAddress } from "../../lib/model/listen_address.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Config,
  parseConfig,
  UsageError,
} from "../../lib/config/config.ts";

function hostOf(
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): ConfigHost {
  return {
    env: (name) => env[name],
    readText(path) {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(path);
      return text;
    },
  };
}

function parse(
  args: string[] = [],
  env: Readonly<Record<string, string>> = {},
): Config {
  const command = parseConfig(args, hostOf(env));
  assert(command.verb === "serve");
  return command;
}

Deno.test("parseConfig() returns the documented defaults", () => {
  const { metricKinds, ...rest } = parse();
  assertEquals(rest, {
    verb: "serve",
    listen: [{ type: "tcp", hostname: "127.0.0.1", port: 8080 }],
    allowedHosts: [],
    basePath: "",
    metricsPath: "/metrics",
    ignoredFlags: [],
    maxStreams: 64,
    eventLog: "-",
    eventLogMaxSizeBytes: 64 * 2 ** 20,
    eventLogKeep: 5,
    eventLogSync: 1000,
    storagePolicy: DEFAULT_STORAGE_POLICY,
    root: "/",
    kmsg: "/dev/kmsg",
    housekeepingIntervalMs: 1000,
    maxHousekeepingIntervalMs: 60_000,
    allowDynamicHousekeeping: true,
    globalHousekeepingIntervalMs: 60_000,
    storageDurationMs: 120_000,
    machineIdFiles: ["/etc/machine-id", "/var/lib/dbus/machine-id"],
    bootIdFiles: ["/proc/sys/kernel/random/boot_id"],
    rawCgroupPrefixWhitelist: [],
    dockerOnly: false,
    allowPs: "off",
    containerLabels: [
      "io.kubernetes.*",
      "com.docker.compose.project",
      "com.docker.compose.service",
    ],
    storeContainerLabels: false,
    engineSockets: {
      docker: "/var/run/docker.sock",
      podman: "/var/run/podman/podman.sock",
    },
    runtimeRoots: {},
    pressureEvents: false,
    nodeEvents: false,
    logLevel: "info",
    logFormat: "text",
  });
  assertEquals(
    [...metricKinds],
    [
      "app",
      "cpu",
      "cpuLoad",
      "disk",
      "diskIO",
      "memory",
      "network",
      "oom_event",
      "percpu",
      "perf_event",
      "pressure",
      "process",
    ],
  );
});

Deno.test("parseConfig() parses every flag", () => {
  const config = parse([
    "--listen=[::1]:0,unix:/run/x.sock",
    "--listen=127.0.0.1:1",
    "--max-streams=0",
    "--auth-token-file=/etc/tokens",
    "--tls-cert=/etc/c.pem",
    "--tls-key=/etc/k.pem",
    "--allowed-hosts=a.example,b.example",
    "--url-base-prefix=/cg/",
    "--prometheus-endpoint=/m",
    "--event-log=none",
    "--event-log-max-size=10MB",
    "--event-log-keep=0",
    "--event-log-sync=always",
    "--event-storage-age-limit=oom=1h",
    "--event-storage-event-limit=default=5",
    "--root=/rootfs",
    "--machine-id-file=/a,/b",
    "--boot-id-file=/c",
    "--cgroup-root=/cg",
    "--kmsg=none",
    "--housekeeping-interval=300ms",
    "--max-housekeeping-interval=1m30s",
    "--allow-dynamic-housekeeping=false",
    "--global-housekeeping-interval=5s",
    "--storage-duration=1h",
    "--enable-metrics=cpu,memory",
    "--raw-cgroup-prefix-whitelist=/a, /b,",
    "--docker-only",
    "--allow-ps=full",
    "--store-container-labels",
    "--whitelisted-container-labels=app,team.*",
    "--docker=unix:///d.sock",
    "--docker-root=/d",
    "--podman=/p.sock",
    "--containers-storage=/s",
    "--containerd=unix:///c/c.sock",
    "--pressure-events",
    "--node-events=1",
    "--node-name=n1",
    "--log-level=debug",
    "--log-format=json",
  ]);
  assertEquals(config, {
    verb: "serve",
    listen: [
      { type: "tcp", hostname: "::1", port: 0 },
      { type: "unix", path: "/run/x.sock" },
      { type: "tcp", hostname: "127.0.0.1", port: 1 },
    ],
    authTokenFile: "/etc/tokens",
    tls: { certFile: "/etc/c.pem", keyFile: "/etc/k.pem" },
    allowedHosts: ["a.example", "b.example"],
    basePath: "/cg",
    metricsPath: "/m",
    ignoredFlags: [],
    maxStreams: 0,
    eventLog: "none",
    eventLogMaxSizeBytes: 10_000_000,
    eventLogKeep: 0,
    eventLogSync: "always",
    storagePolicy: {
      default: { maxAgeMs: 24 * 3_600_000, maxItems: 5 },
      types: { oom: { maxAgeMs: 3_600_000 } },
    },
    root: "/rootfs",
    cgroupRoot: "/cg",
    kmsg: "none",
    housekeepingIntervalMs: 300,
    maxHousekeepingIntervalMs: 90_000,
    allowDynamicHousekeeping: false,
    globalHousekeepingIntervalMs: 5000,
    storageDurationMs: 3_600_000,
    machineIdFiles: ["/a", "/b"],
    bootIdFiles: ["/c"],
    metricKinds: new Set(["cpu", "memory"] as const),
    rawCgroupPrefixWhitelist: ["/a", "/b"],
    dockerOnly: true,
    allowPs: "full",
    containerLabels: ["app", "team.*"],
    storeContainerLabels: true,
    engineSockets: { docker: "/d.sock", podman: "/p.sock" },
    runtimeRoots: {
      dockerRoot: "/d",
      containerd: "/c/c.sock",
      storageRoot: "/s",
    },
    pressureEvents: true,
    nodeEvents: true,
    nodeName: "n1",
    logLevel: "debug",
    logFormat: "json",
  });
});

Deno.test("parseConfig() prefers a flag over its variable, and the variable over the default", () => {
  const env = {
    CGWATCH_EVENT_LOG: "/var/log/events.ndjson",
    CGWATCH_LISTEN: "127.0.0.1:1,127.0.0.1:2",
    CGWATCH_DOCKER_ONLY: "1",
    CGWATCH_UNKNOWN: "x",
  };
  const config = parse(["--listen=127.0.0.1:3"], env);
  assertEquals(config.eventLog, "/var/log/events.ndjson");
  assertEquals(config.dockerOnly, true);
  assertEquals(config.listen.length, 1);
  assertEquals(parse([], env).listen.length, 2);
});

Deno.test("parseConfig() uses the last value of a repeated flag", () => {
  assertEquals(parse(["--kmsg=a", "--kmsg=b"]).kmsg, "b");
});

Deno.test("parseConfig() accepts an interval larger than the maximum interval", () => {
  const config = parse(["--housekeeping-interval=5m"]);
  assertEquals(config.maxHousekeepingIntervalMs, 300_000);
});

Deno.test("parseConfig() replaces the disabled metric kinds, or all of them with --enable-metrics", () => {
  assertEquals(parse(["--disable-metrics="]).metricKinds.size, 23);
  assertEquals(
    parse(["--disable-metrics=cpu,disk"]).metricKinds.has("cpu"),
    false,
  );
  assertEquals(parse(["--disable-metrics=cpu"]).metricKinds.has("tcp"), true);
  assertEquals(
    [...parse(["--enable-metrics=tcp", "--disable-metrics=tcp"]).metricKinds],
    ["tcp"],
  );
});

Deno.test("parseConfig() includes descriptors in process, as in cAdvisor", () => {
  const descriptors = (...args: string[]) =>
    parse(args).metricKinds.has("descriptors");
  assertEquals(descriptors(), false);
  assertEquals(descriptors("--enable-metrics=process"), true);
  assertEquals(descriptors("--enable-metrics=cpu"), false);
  assertEquals(descriptors("--disable-metrics=tcp"), true);
  assertEquals(descriptors("--disable-metrics=process"), false);
});

Deno.test("parseConfig() throws with flag, value and expected format", () => {
  for (
    const [arg, message] of [
      [
        "--listen=8080",
        'Cannot parse address "8080": expected an address such',
      ],
      ["--listen=", "no address, expected for example 127.0.0.1:8080"],
      ["--max-streams=-1", 'invalid value "-1", expected at least 0'],
      ["--max-streams=many", 'invalid number "many", expected an integer'],
      ["--event-log=", "empty value, expected a path"],
      ["--event-log-max-size=64M", 'Cannot parse size "64M"'],
      ["--event-log-sync=0s", 'invalid value "0s", expected an interval'],
      ["--event-log-sync=sometimes", 'Cannot parse duration "sometimes"'],
      [
        "--event-storage-age-limit=oom",
        'Cannot parse event storage age limit "oom": expected TYPE=VALUE',
      ],
      [
        "--event-storage-event-limit=oom=x",
        'Cannot parse event storage event limit "oom=x": invalid count "x"',
      ],
      [
        "--housekeeping-interval=1ms",
        'invalid value "1ms", expected at least 10ms',
      ],
      ["--tls-cert=c.pem", "requires --tls-key"],
      [
        "--prometheus-endpoint=m",
        'invalid path "m", expected for example /metrics',
      ],
      ["--docker-only=maybe", 'invalid value "maybe", expected true or false'],
      [
        "--disable-metrics=x",
        'unsupported metric "x", expected one of advtcp,',
      ],
      [
        "--log-level=trace",
        'invalid value "trace", expected one of debug, info, warn, error',
      ],
    ] as const
  ) {
    assertThrows(
      () => parse([arg]),
      UsageError,
      `${arg.split("=")[0]}: ${message}`,
    );
  }
});

Deno.test("parseConfig() throws with the name of an invalid variable", () => {
  assertThrows(
    () => parse([], { CGWATCH_STORAGE_DURATION: "soon" }),
    UsageError,
    'CGWATCH_STORAGE_DURATION: Cannot parse duration "soon"',
  );
});

Deno.test("parseConfig() prefers the environment over a file, and a file over the defaults", () => {
  const files = {
    "/c.json": JSON.stringify({
      "listen": ["127.0.0.1:1", "unix:/x"],
      "max_streams": 7,
      "docker-only": true,
      "storage-duration": "1h",
      "node-name": "of file",
      "storage_driver": "influxdb",
    }),
  };
  const command = parseConfig(
    ["--config=/c.json", "--storage-duration=5m"],
    hostOf({ CGWATCH_NODE_NAME: "of env" }, files),
  );
  assert(command.verb === "serve");
  assertEquals(command.listen.length, 2);
  assertEquals(command.maxStreams, 7);
  assertEquals(command.dockerOnly, true);
  assertEquals(command.storageDurationMs, 300_000);
  assertEquals(command.nodeName, "of env");
  assertEquals(command.ignoredFlags, ["storage_driver"]);
});

Deno.test("parseConfig() throws with file, key and expected format", () => {
  for (
    const [text, message] of [
      ["{", "/c.json: invalid JSON: "],
      [
        "[]",
        '/c.json: not a JSON object, expected for example {"max-streams":10}',
      ],
      [
        '{"max-strems":1}',
        '/c.json: unknown key "max-strems": the nearest flag is "max-streams"',
      ],
      ['{"max-streams":"x"}', '/c.json: "max-streams": invalid number "x"'],
      [
        '{"max-streams":true}',
        '/c.json: "max-streams": invalid value true, expected a number',
      ],
      [
        '{"docker-only":1}',
        '/c.json: "docker-only": invalid value 1, expected true or false',
      ],
      [
        '{"listen":[1]}',
        '/c.json: "listen": invalid value [1], expected a string or an array',
      ],
      ['{"root":{}}', '/c.json: "root": invalid value {}, expected a string'],
      ['{"server":"x"}', '/c.json: flag "server" cannot be set in a file'],
      ['{"config":"x"}', '/c.json: flag "config" cannot be set in a file'],
      ['{"o":"json"}', '/c.json: unknown key "o"'],
      [
        '{"node-name":"a","node_name":"b"}',
        '/c.json: duplicate key "node_name"',
      ],
    ] as const
  ) {
    assertThrows(
      () => parseConfig(["--config=/c.json"], hostOf({}, { "/c.json": text })),
      UsageError,
      message,
    );
  }
  assertThrows(
    () => parse(["--config=/none"]),
    UsageError,
    "/none: cannot read the file: ",
  );
});

Deno.test("parseConfig() prints each value and its origin", () => {
  const command = parseConfig(
    ["--print-config", "--config=/c.json", "-port=9", "-v=4"],
    hostOf({ CGWATCH_KMSG: "none" }, { "/c.json": '{"root":"/r"}' }),
  );
  assert(command.verb === "print-config");
  const printed = JSON.parse(command.text);
  assertEquals(printed["root"], { value: "/r", from: '/c.json: "root"' });
  assertEquals(printed["kmsg"], { value: "none", from: "CGWATCH_KMSG" });
  assertEquals(printed["listen"], { value: "127.0.0.1:9", from: "--port" });
  assertEquals(printed["log-level"], { value: "debug", from: "--v" });
  assertEquals(printed["node-name"], { value: "", from: "default" });
  assertEquals("server" in printed, false);
});

Deno.test("parseConfig() accepts cAdvisor's command lines", () => {
  // From cAdvisor's README and its Kubernetes examples.
  const perf = parse([
    "--housekeeping_interval=10s",
    "--max_housekeeping_interval=15s",
    "--event_storage_event_limit=default=0",
    "--event_storage_age_limit=default=0",
    "--enable_metrics=app,cpu,disk,diskIO,memory,network,process",
    "--docker_only",
    "--store_container_labels=false",
    "--whitelisted_container_labels=io.kubernetes.container.name,io.kubernetes.pod.name",
    "-logtostderr",
    "-storage_driver",
    "influxdb",
    "-storage_driver_secure=false",
    "-v",
    "4",
  ]);
  assertEquals(perf.housekeepingIntervalMs, 10_000);
  assertEquals(perf.dockerOnly, true);
  assertEquals(perf.storagePolicy.default, { maxAgeMs: 0, maxItems: 0 });
  assertEquals(perf.logLevel, "debug");
  for (const name of ["-logtostderr", "-storage_driver"]) {
    assert(perf.ignoredFlags.includes(name), name);
  }
});

Deno.test("parseConfig() uses cAdvisor's address and port flags without --listen", () => {
  const listen = (args: string[]) =>
    parse(args).listen.map((address) => formatListenAddress(address));
  assertEquals(listen(["-port=9090"]), ["http://127.0.0.1:9090"]);
  assertEquals(listen(["-listen_ip=10.0.0.1"]), ["http://10.0.0.1:8080"]);
  assertEquals(listen(["-listen_ip=", "-port=1"]), ["http://0.0.0.0:1"]);
  assertEquals(listen(["-port=1", "--listen=[::1]:2"]), ["http://[::1]:2"]);
  assertThrows(() => parse(["-port=70000"]), UsageError, "--port");
  // Kubernetes sets this variable in pods if a service is named cgwatch.
  assertEquals(
    parse([], { CGWATCH_PORT: "tcp://10.0.0.1:80" }).listen.length,
    1,
  );
});
