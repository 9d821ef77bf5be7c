import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertNotMatch,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  configOfFamilies,
  dashboardQueries,
  DEPLOY,
  ruleQueries,
} from "../_support/deploy_queries.ts";
import { GOLDENS } from "../_support/metrics_fixture.ts";
import { CompleteHost } from "../_support/complete_host.ts";
import { AgentProcess, delay, until } from "./_agent.ts";
import {
  CAN_MAKE_CGROUPS,
  CAN_OOM,
  HIERARCHIES,
  TestCgroups,
  untilOomsAreNamed,
} from "./_cgroups.ts";
import {
  configDirectory,
  PROMETHEUS,
  PrometheusProcess,
  promtool,
} from "./_prometheus.ts";

/** Names of cAdvisor that promtool objects to. */
const COMPLAINTS = new Set([
  "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
  'container_fs_inodes_total non-counter metrics should not have "_total" suffix',
  'container_hugetlb_failcnt counter metrics should have "_total" suffix',
  'container_memory_failcnt counter metrics should have "_total" suffix',
  'container_network_advance_tcp_stats_total non-counter metrics should not have "_total" suffix',
  'container_network_tcp6_usage_total non-counter metrics should not have "_total" suffix',
  'container_network_tcp_usage_total non-counter metrics should not have "_total" suffix',
  'container_network_udp6_usage_total non-counter metrics should not have "_total" suffix',
  'container_network_udp_usage_total non-counter metrics should not have "_total" suffix',
  'machine_dimm_count non-histogram and non-summary metrics should not have "_count" suffix',
  'machine_node_hugepages_count non-histogram and non-summary metrics should not have "_count" suffix',
  'machine_thread_siblings_count non-histogram and non-summary metrics should not have "_count" suffix',
]);

const ignore = PROMETHEUS === undefined;

/** Duration of the scrapes in seconds; a longer one tests more. */
const SCRAPING_SECONDS = Number(
  Deno.env.get("CGWATCH_PROMETHEUS_SECONDS") || 10,
);

/**
 * Queries without data for the test's containers: their own network, disks with
 * limits on v1, and `memory.events` problems, which exist on v2 only.
 */
const LACKING =
  /container_(network|fs_(reads|writes))_\w+\{[^}]*id!="\/"|container_memory_events_\w+.* > 0$/;

/** Returns promtool's objections. */
async function assertParses(text: string, what: string): Promise<string[]> {
  const { lines } = await promtool(["check", "metrics"], text);
  assertEquals(lines.filter((line) => !COMPLAINTS.has(line)), [], what);
  return lines;
}

Deno.test({
  name:
    "promtool parses the metrics of this host and of recorded ones, and objects to cAdvisor's names only",
  ignore,
  async fn() {
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--disable-metrics=",
    ]);
    try {
      for (const path of ["/metrics", "/metrics/resource"]) {
        const response = await fetch(`${agent.url}${path}`);
        assertEquals(
          response.headers.get("content-type"),
          "text/plain; version=0.0.4; charset=utf-8",
        );
        const text = await response.text();
        assertGreater(text.length, 100);
        await assertParses(text, path);
      }
      const head = await fetch(`${agent.url}/metrics`, { method: "HEAD" });
      assertEquals([head.status, await head.text()], [200, ""]);
      const some = await fetch(
        `${agent.url}/metrics?name[]=cgwatch_containers&name[]=machine_cpu_cores`,
      );
      const names = (await some.text()).match(/^[a-z]\w+/gm);
      assertEquals(names, ["machine_cpu_cores", "cgwatch_containers"]);
    } finally {
      await agent.stop();
    }
    for await (const { name } of Deno.readDir(GOLDENS)) {
      await assertParses(await Deno.readTextFile(`${GOLDENS}/${name}`), name);
    }
    const seen = new Set<string>();
    for (const version of [1, 2] as const) {
      using host = new CompleteHost(version);
      const text = await host.fixture.scrape();
      for (const line of await assertParses(text, `v${version}`)) {
        seen.add(line);
      }
    }
    // These texts have all of cAdvisor's families, so each exception must occur.
    assertEquals(COMPLAINTS.difference(seen), new Set());
  },
});

Deno.test({
  name:
    "promtool accepts the rules and the scrape configuration, and alerts fire",
  ignore,
  async fn() {
    for (
      const args of [
        ["check", "config", "--syntax-only", `${DEPLOY}/prometheus.yml`],
        ["check", "config", "--syntax-only", `${DEPLOY}/prometheus-global.yml`],
        ["check", "rules", `${DEPLOY}/prometheus-rules.yml`],
        [
          "test",
          "rules",
          fromFileUrl(new URL("../testdata/rules_test.yml", import.meta.url)),
        ],
      ]
    ) {
      const { success, lines } = await promtool(args);
      assert(success, lines.join("\n"));
    }
  },
});

Deno.test({
  name: "promtool parses every query of the dashboards",
  ignore,
  async fn() {
    const queries = [
      ...await dashboardQueries(),
      ...await dashboardQueries("grafana-fleet.json"),
    ];
    const rules = queries.map((expr, at) => ({
      record: `query_${at}`,
      expr: expr.replaceAll("$__rate_interval", "4m"),
    }));
    assertGreater(rules.length, 20);
    const path = await Deno.makeTempFile({ suffix: ".yml" });
    const groups = [{ name: "dashboard", rules }];
    await Deno.writeTextFile(path, JSON.stringify({ groups }));
    const { success, lines } = await promtool(["check", "rules", path]);
    await Deno.remove(path);
    assert(success, lines.join("\n"));
  },
});

Deno.test({
  name:
    "Prometheus scrapes the agent while containers are created and removed, and one has an OOM kill",
  ignore: ignore || !CAN_MAKE_CGROUPS || !CAN_OOM,
  async fn() {
    await untilOomsAreNamed();
    await using cgroups = new TestCgroups("prometheus");
    const directory = await configDirectory(
      (await configOfFamilies())
        .replace(/_interval: 15s/g, "_interval: 1s")
        // Only this test uses it.
        .replace('"name[]": [', "$& container_last_seen,"),
    );
    const agent = await AgentProcess.start([
      `--event-log=${directory}/events.ndjson`,
      `--raw-cgroup-prefix-whitelist=${cgroups.name}`,
    ]);
    await Deno.mkdir(`${directory}/cgwatch-targets`);
    await Deno.writeTextFile(
      `${directory}/cgwatch-targets/node.json`,
      JSON.stringify([{
        targets: [new URL(agent.url).host],
        labels: { instance: "n1" },
      }]),
    );
    const prometheus = await PrometheusProcess.startIn(directory);
    let log = "";
    try {
      // The counter of the node must be 0 once.
      assert(
        await until(async () =>
          (await prometheus.query("cgwatch_oom_kills_total")).length === 1
        ),
      );
      const busy = cgroups.make("/busy");
      limit(cgroups, "/busy");
      cgroups.spawn("/busy", "while :; do :; done");
      await cgroups.oom("/oom");
      const oom = `${cgroups.name}/oom`;
      const isKillTold = async () =>
        (await prometheus.query(`container_oom_events_total{id="${oom}"} == 1`))
          .length === 1;
      assert(await until(isKillTold));
      cgroups.remove("/oom");
      const startMs = Date.now();
      const before = cpuSeconds(cgroups, "/busy");
      for (
        let count = 0;
        Date.now() < startMs + SCRAPING_SECONDS * 1000;
        count++
      ) {
        cgroups.make(`/count${count}`);
        await delay(300);
        cgroups.remove(`/count${count}`);
      }
      const endMs = Date.now();
      const rate = (cpuSeconds(cgroups, "/busy") - before) /
        ((endMs - startMs) / 1000);
      const window = Math.floor((endMs - startMs) / 1000);
      const sum =
        `sum without (cpu) (rate(container_cpu_usage_seconds_total{id="${busy}"}[${window}s]))`;
      const [measured] = await prometheus.query(sum);
      // The two windows differ, and other programs use the CPU as well.
      assertAlmostEquals(measured?.points[0]?.[1] ?? 0, rate, rate * 0.4);
      // Stale at the next scrape instead of after five minutes; the kill is still exported.
      const isGone = async () =>
        (await prometheus.query(`container_last_seen{id="${oom}"}`)).length ===
          0;
      assert(await until(isGone));
      assert(await isKillTold());
      const gone = await prometheus.query(
        `count(container_last_seen{id=~"${cgroups.name}/count.*"})`,
      );
      assert((gone[0]?.points[0]?.[1] ?? 0) <= 2);
      const seen = await prometheus.query(
        `count(count_over_time(container_last_seen{id=~"${cgroups.name}/count.*"}[${window}s]))`,
      );
      assertGreater(seen[0]?.points[0]?.[1] ?? 0, 2);
      // On a busy machine, one of 50 scrapes may take longer than a second.
      const [up] = await prometheus.query(`avg_over_time(up[${window}s])`);
      const missed = Math.round((1 - (up?.points[0]?.[1] ?? 0)) * window);
      assert(
        missed <= Math.floor(window / 50),
        `${missed} scrapes were missed`,
      );
      const withoutData: string[] = [];
      for (const query of await readyQueries(`${window}s`)) {
        const response = await prometheus.query(query);
        if (response.length === 0 && !LACKING.test(query)) {
          withoutData.push(query);
        }
      }
      assertEquals(withoutData, []);
      log = await federate(prometheus);
    } finally {
      log += await prometheus.stop();
      await agent.stop();
    }
    assertNotMatch(log, /out.of.order|duplicate|level=error/i);
  },
});

/**
 * Returns the queries of the dashboards and of the recording rules, for all
 * nodes and containers.
 */
async function readyQueries(window: string): Promise<string[]> {
  const recording = (await ruleQueries())
    .flatMap(({ record, expr }) => record === undefined ? [] : [expr]);
  const dashboards = [
    ...await dashboardQueries(),
    ...await dashboardQueries("grafana-fleet.json"),
  ];
  return [...dashboards, ...recording].map((query) =>
    query.replaceAll("$__rate_interval", window)
      .replaceAll(/\$(node|container)\b/g, ".*")
  );
}

/**
 * Starts the Prometheus of `prometheus-global.yml`, and waits until each query
 * of the fleet dashboard has data. Returns its log.
 */
async function federate(source: PrometheusProcess): Promise<string> {
  const config = await Deno.readTextFile(`${DEPLOY}/prometheus-global.yml`);
  const prometheus = await PrometheusProcess.startIn(
    await configDirectory(
      config.replace("60s", "1s")
        .replace(/targets: .*/, `targets: ["${new URL(source.url).host}"]`),
    ),
  );
  let lacking: string[] = [];
  let instance: string | undefined;
  let log = "";
  try {
    await until(async () => {
      lacking = [];
      for (const query of await dashboardQueries("grafana-fleet.json")) {
        const found = await prometheus.query(query);
        if (found.length === 0) lacking.push(query);
      }
      return lacking.length === 0;
    });
    const [node] = await prometheus.query("instance:cgwatch_containers:sum");
    instance = node?.metric["instance"];
  } finally {
    log = await prometheus.stop();
  }
  assertEquals(lacking, []);
  assertEquals(instance, "n1");
  return log;
}

/** Cgroups of which Prometheus keeps the series, and those that it drops. */
const KEPT = [
  "/",
  "/kubepods",
  "/kubepods.slice",
  "/system.slice",
  "/user.slice",
  "/system.slice/ssh.service",
  "/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope",
  "/kubepods/pod1/0f1e",
  "/kubepods/burstable/pod1/0f1e",
  "/docker/0f1e",
  "/podlike",
  // systemd in a container.
  "/machine.slice/libpod-1.scope/container/system.slice",
  "/docker/0f1e/system.slice",
  "/docker/0f1e/kubelet/kubepods/besteffort/pod1/0f1e",
];
const DROPPED = [
  "/system.slice/system-getty.slice",
  "/user.slice/user-0.slice",
  "/kubepods.slice/kubepods-burstable.slice",
  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice",
  "/docker/0f1e/system.slice/system-getty.slice",
  "/kubepods/burstable",
  "/kubepods/besteffort",
  "/kubepods/pod1",
  "/kubepods/burstable/pod1",
  "/docker/0f1e/kubelet/kubepods/besteffort/pod1",
];

/**
 * Returns a configuration for nodes that all have one address, as a server of
 * two. The labels of Kubernetes discovery are those of a list instead.
 */
async function configOfShard(
  file: string,
  shard: number,
  host: string,
  nodes: readonly string[],
): Promise<string> {
  const groups = nodes.map((node) => ({
    targets: [host],
    labels: file === "prometheus.yml" ? { instance: node } : {
      "__meta_kubernetes_pod_container_port_name": "http",
      "__meta_kubernetes_pod_node_name": node,
    },
  }));
  return (await Deno.readTextFile(`${DEPLOY}/${file}`))
    .replace(
      /^ {4}(?:file|kubernetes)_sd_configs:\n(?: {6}.*\n)+/m,
      `    static_configs: ${JSON.stringify(groups)}\n`,
    )
    .replace(/_interval: 15s/g, "_interval: 1s")
    .replace("modulus: 1", "modulus: 2")
    .replace('regex: "0"', `regex: "${shard}"`);
}

for (const file of ["prometheus.yml", "prometheus-kubernetes.yml"]) {
  Deno.test({
    name:
      `two servers with ${file} divide the nodes, and drop slices that are in slices`,
    ignore,
    async fn() {
      const text = [...KEPT, ...DROPPED]
        .map((id) => `container_last_seen{id="${id}"} 1\n`).join("");
      const server = Deno.serve({
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
      }, () => new Response(text));
      const host = `127.0.0.1:${server.addr.port}`;
      const nodes = ["n1", "n2", "n3", "n4", "n5", "n6"];
      const scrapedBy = async (shard: number) => {
        const config = await configOfShard(file, shard, host, nodes);
        const prometheus = await PrometheusProcess.startIn(
          await configDirectory(config),
        );
        let ids: string[] = [];
        let instances: string[] = [];
        try {
          await until(async () => {
            const targets = await prometheus.targets();
            instances = targets.map(({ labels }) => labels["instance"] ?? "");
            return targets.length > 0 &&
              targets.every(({ health }) => health === "up");
          });
          const series = await prometheus.query(
            "count by (id) (container_last_seen)",
          );
          ids = series.map(({ metric }) => metric["id"] ?? "").sort();
        } finally {
          await prometheus.stop();
        }
        assertEquals(ids, KEPT.toSorted());
        return instances;
      };
      let found: string[][] = [];
      try {
        found = await Promise.all([0, 1].map(scrapedBy));
      } finally {
        await server.shutdown();
      }
      for (const shard of found) assertGreater(shard.length, 0);
      assertEquals(found.flat().sort(), nodes);
    },
  });
}

/** Half a CPU and 64 MiB, so that limits are exported. */
function limit(cgroups: TestCgroups, below: string): void {
  const write = (controller: string, file: string, text: string) =>
    cgroups.write(below, controller, file, text);
  if (HIERARCHIES.has("memory")) {
    write("memory", "memory.limit_in_bytes", "64M");
  } else write("unified", "memory.max", "64M");
  if (HIERARCHIES.has("cpu")) write("cpu", "cpu.cfs_quota_us", "50000");
  else write("unified", "cpu.max", "50000 100000");
}

/** Returns the CPU usage of a cgroup according to the kernel. */
function cpuSeconds(cgroups: TestCgroups, below: string): number {
  if (HIERARCHIES.has("cpuacct")) {
    return Number(cgroups.read(below, "cpuacct", "cpuacct.usage")) / 1e9;
  }
  const stat = cgroups.read(below, "unified", "cpu.stat");
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1e6;
}
