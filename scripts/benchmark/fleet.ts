/**
 * Size and cost of agents' responses, for sizing a fleet.
 *
 * @module
 */
import { AgentProcess, delay, until } from "../../tests/e2e/_agent.ts";
import { PROMETHEUS, PrometheusProcess } from "../../tests/e2e/_prometheus.ts";
import {
  dashboardQueries,
  ruleQueries,
} from "../../tests/_support/deploy_queries.ts";
import {
  readRecorded,
  RecordedTree,
  unpack,
} from "../../tests/_support/recorded_tree.ts";
import type { TestCgroup } from "../../tests/_support/test_cgroup.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { eventFigures } from "./fleet_events.ts";
import { cpuNs, residentMb } from "./load.ts";

const PODS = 50;

/** Default metric kinds, disabled one by one. */
const KINDS = [
  "cpu",
  "percpu",
  "cpuLoad",
  "memory",
  "disk",
  "diskIO",
  "network",
  "process",
  "oom_event",
  "pressure",
  "app",
  "perf_event",
];

const NETWORK = "Inter-|   Receive  |  Transmit\n face |bytes\n" +
  ["lo", "eth0"].map((name) => `${name}: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n`)
    .join("");

/** A Prometheus' targets, which return the same text. */
const TARGETS = 20;

/**
 * Creates recorded containers in pods of one, whose sandbox has a network, as
 * containerd and the kubelet's systemd driver do.
 */
function addPods(root: TestCgroup, count: number): void {
  const [slice, container] = [
    readRecorded("cgroup", "6.1-v2-kubepods-slice.txt"),
    readRecorded("cgroup", "6.1-v2-docker.txt"),
  ];
  // The host's network; sandboxes have other files.
  root.file("proc/1/net/dev", NETWORK);
  for (let at = 0; at < count; at++) {
    const uid = `0f1e2d3c-1111-2222-3333-${String(at).padStart(12, "0")}`;
    const pod = `kubepods-pod${uid.replaceAll("-", "_")}.slice`;
    unpack(root, slice, `/sys/fs/cgroup/kubepods.slice/${pod}`);
    const sandbox = String(at).padStart(64, "f");
    for (
      const [type, id] of [["sandbox", sandbox], [
        "container",
        String(at).padStart(64, "0"),
      ]] as const
    ) {
      const pid = (type === "sandbox" ? 50_000 : 60_000) + at;
      const scope =
        `/sys/fs/cgroup/kubepods.slice/${pod}/cri-containerd-${id}.scope`;
      unpack(root, container, scope);
      root.file(`${scope}/cgroup.procs`, `${pid}\n`)
        .file(`proc/${pid}/net/dev`, NETWORK)
        .file(
          `run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
          JSON.stringify({
            annotations: {
              "io.kubernetes.cri.container-type": type,
              ...(type === "container" && {
                "io.kubernetes.cri.container-name": "app",
                "io.kubernetes.cri.image-name":
                  "registry.example/shop/app:1.27.3",
              }),
              "io.kubernetes.cri.sandbox-id": sandbox,
              "io.kubernetes.cri.sandbox-name": `web-7c5ddbdf54-${at}`,
              "io.kubernetes.cri.sandbox-namespace": "shop",
              "io.kubernetes.cri.sandbox-uid": uid,
            },
            linux: {
              cgroupsPath: `${pod}:cri-containerd:${id}`,
              namespaces: [{ type: "pid" }, { type: "network" }],
            },
          }),
        );
    }
  }
}

interface Scrape {
  readonly text: string;
  readonly series: number;
  /** Series kept by `scripts/deploy/prometheus.yml`. */
  readonly lines: readonly string[];
}

/** Returns the metrics of a recorded host with pods. */
async function scrape(
  pods: number,
  flags: readonly string[] = [],
): Promise<Scrape> {
  using recorded = new RecordedTree("6.1-v2");
  addPods(recorded.root, pods);
  const agent = await AgentProcess.start([
    `--root=${recorded.fs.root}`,
    "--kmsg=none",
    "--event-log=none",
    ...flags,
  ]);
  try {
    // Names and the first samples.
    await delay(3_000);
    const text = await (await fetch(`${agent.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => /^[a-z]/.test(line));
    return {
      text,
      series: lines.length,
      lines: lines.filter((line) => !/[{,]id="\/.+\/.+\.slice"/.test(line)),
    };
  } finally {
    await agent.stop();
  }
}

/** Returns the queries of rules and dashboards. */
async function queries(): Promise<string[]> {
  return [
    ...(await ruleQueries()).map(({ expr }) => expr),
    ...await dashboardQueries(),
    ...await dashboardQueries("grafana-fleet.json"),
  ];
}

async function gzipBytes(text: string): Promise<number> {
  const zipped = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return (await new Response(zipped).arrayBuffer()).byteLength;
}

function figure(name: string, unit: string, value: number, note = ""): Figure {
  return { name, unit, values: [value], note };
}

const sizes: Benchmark = {
  name: "fleet",
  async run({ quick, say }) {
    const none = await scrape(0);
    const all = await scrape(PODS);
    const used = new Set(
      (await queries()).flatMap((query) =>
        query.match(/\b(?:container|machine|cgwatch|process)_\w+/g) ?? []
      ),
    );
    const usedIn = ({ lines }: Scrape) =>
      lines.filter((line) => used.has(/^\w+/.exec(line)?.[0] ?? "")).length;
    const per = (all: number, none: number) => (all - none) / PODS;
    const figures = [
      figure(
        "fleet: series of a node without containers",
        "",
        none.lines.length,
        "8 cgroups",
      ),
      figure(
        "fleet: series per pod of one container",
        "",
        per(all.series, none.series),
        `${PODS} pods with sandbox and slice, default kinds`,
      ),
      figure(
        "fleet: the same, without nested slices",
        "",
        per(all.lines.length, none.lines.length),
        "scripts/deploy/prometheus.yml",
      ),
      figure(
        "fleet: families that rules and dashboards use: node",
        "",
        usedIn(none),
        `${used.size} families`,
      ),
      figure(
        "fleet: families that rules and dashboards use: per pod",
        "",
        per(usedIn(all), usedIn(none)),
      ),
      figure("fleet: bytes of a scrape", "kB", all.text.length / 1000),
      figure("fleet: the same in gzip", "kB", await gzipBytes(all.text) / 1000),
      ...await eventFigures(PODS, addPods),
    ];
    for (const kind of quick ? [] : KINDS) {
      say(`fleet: without ${kind} …`);
      const { lines } = await scrape(PODS, [
        `--disable-metrics=${kind},${OFF}`,
      ]);
      figures.push(figure(
        `fleet: series per pod of ${kind}`,
        "",
        per(all.lines.length, lines.length),
      ));
    }
    if (PROMETHEUS === undefined) return figures;
    return [...figures, ...await prometheusCost(all, say)];
  },
};

/** Kinds disabled by default. */
const OFF =
  "advtcp,cpu_topology,cpuset,descriptors,hugetlb,memory_numa,referenced_memory,resctrl,sched,tcp,udp";

/** Memory and CPU time of a Prometheus that scrapes copies of a response. */
async function prometheusCost(
  { text }: Scrape,
  say: (text: string) => void,
): Promise<Figure[]> {
  say(`fleet: Prometheus with ${TARGETS} nodes …`);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, () => new Response(text));
  const directory = await Deno.makeTempDir();
  const config = {
    "global": { "scrape_interval": "5s", "scrape_timeout": "5s" },
    "scrape_configs": [{
      "job_name": "cgwatch",
      "static_configs": Array.from({ length: TARGETS }, (_, at) => ({
        targets: [`127.0.0.1:${server.addr.port}`],
        labels: { instance: `n${at}` },
      })),
      "metric_relabel_configs": [{
        "source_labels": ["id"],
        regex: "/.+/.+\\.slice",
        action: "drop",
      }],
    }],
  };
  await Deno.writeTextFile(
    `${directory}/prometheus.yml`,
    JSON.stringify(config),
  );
  const prometheus = await PrometheusProcess.startIn(directory);
  try {
    const idle = await residentMb(prometheus.pid);
    const counter = async (name: string) => {
      const own = await (await fetch(`${prometheus.url}/metrics`)).text();
      return Number(RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, "m").exec(own)?.[1]);
    };
    const samples = () =>
      counter("prometheus_tsdb_head_samples_appended_total");
    await until(
      async () =>
        (await prometheus.query("sum(up)"))[0]?.points[0]?.[1] === TARGETS,
      {
        timeoutMs: 60_000,
        everyMs: 500,
      },
    );
    await delay(5_000);
    const [samplesBefore, cpuBefore] = [
      await samples(),
      await cpuNs(prometheus.pid),
    ];
    await delay(30_000);
    const appended = await samples() - samplesBefore;
    const series = await counter("prometheus_tsdb_head_series");
    return [
      figure("fleet: series in this Prometheus", "", series),
      figure(
        "fleet: memory of Prometheus per series",
        "bytes",
        (await residentMb(prometheus.pid) - idle) * 2 ** 20 / series,
        "resident, of which a part is garbage",
      ),
      figure(
        "fleet: CPU of Prometheus per sample",
        "ns",
        (await cpuNs(prometheus.pid) - cpuBefore) / appended,
        "scrape, parse, relabel, append",
      ),
    ];
  } finally {
    await prometheus.stop();
    await server.shutdown();
  }
}

export const fleet: readonly Benchmark[] = [sizes];
