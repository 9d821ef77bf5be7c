/**
 * Size and cost of agents' responses, for sizing a fleet.
 *
 * @module
 */
import { AgentProcess, delay, until } from "../../tests/e2e/_agent.ts";
import { PROMETHEUS, PrometheusProcess } from "../../tests/e2e/_prometheus.ts";
import {
  dashboardQueries,
  droppedIds,
  ruleQueries,
} from "../../tests/_support/deploy_queries.ts";
import {
  readRecorded,
  RecordedTree,
  type RecordingName,
  unpack,
} from "../../tests/_support/recorded_tree.ts";
import type { TestCgroup } from "../../tests/_support/test_cgroup.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { eventFigures } from "./fleet_events.ts";
import { cpuNs, residentMb } from "./load.ts";

const PODS = 50;
const UNITS = 60;

const WITHOUT_UNITS = "--raw-cgroup-prefix-whitelist=/kubepods";

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

/** Creates services of systemd with the files of a recorded container. */
function addUnits(root: TestCgroup, count: number): void {
  const unit = readRecorded("cgroup", "6.1-v2-docker.txt");
  for (let at = 0; at < count; at++) {
    unpack(root, unit, `/sys/fs/cgroup/system.slice/unit-${at}.service`);
  }
}

interface Scrape {
  readonly text: string;
  readonly series: number;
  /** Series kept by `scripts/deploy/prometheus.yml`. */
  readonly lines: readonly string[];
}

interface ScrapeOptions {
  readonly recording?: RecordingName;
  readonly pods?: number;
  readonly units?: number;
  readonly flags?: readonly string[];
}

/** Returns the metrics of a recorded host with pods and units. */
async function scrape(
  { recording = "6.1-v2", pods = 0, units = 0, flags = [] }: ScrapeOptions,
): Promise<Scrape> {
  using recorded = new RecordedTree(recording);
  addPods(recorded.root, pods);
  addUnits(recorded.root, units);
  const dropped = RegExp(`[{,]id="(?:${(await droppedIds()).join("|")})"`);
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
      lines: lines.filter((line) => !dropped.test(line)),
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
    const none = await scrape({});
    const all = await scrape({ pods: PODS });
    const units = await scrape({ units: UNITS });
    const listed = await scrape({ units: UNITS, flags: [WITHOUT_UNITS] });
    const perCpu = async (flags: readonly string[]) =>
      (await scrape({ recording: "6.1-v1-legacy", flags })).lines.filter(
        (line) => /^container_cpu_usage.*[{,]id="\/docker\//.test(line),
      ).length;
    const used = new Set(
      (await queries()).flatMap((query) =>
        query.match(
          /(?<!:)\b(?:container|machine|cgwatch|cadvisor|process)_\w+\b(?!:)/g,
        ) ?? []
      ),
    );
    const usedIn = ({ lines }: Scrape) =>
      lines.filter((line) => used.has(/^\w+/.exec(line)?.[0] ?? "")).length;
    const per = (all: number, none: number) => (all - none) / PODS;
    const perUnit = (all: number, none: number) => (all - none) / UNITS;
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
      figure(
        "fleet: series per systemd unit",
        "",
        perUnit(units.lines.length, none.lines.length),
        `${UNITS} units`,
      ),
      figure(
        "fleet: families that rules and dashboards use: per unit",
        "",
        perUnit(usedIn(units), usedIn(none)),
      ),
      figure(
        "fleet: series of a node with units",
        "",
        units.lines.length,
        `${UNITS} units, no pods`,
      ),
      figure(
        "fleet: the same, without the units",
        "",
        listed.lines.length,
        WITHOUT_UNITS,
      ),
      figure(
        "fleet: CPU usage of a container, cgroup v1",
        "",
        await perCpu([]),
        "series; 2 CPUs",
      ),
      figure(
        "fleet: the same without percpu",
        "",
        await perCpu([`--disable-metrics=percpu,${OFF}`]),
      ),
      figure("fleet: bytes of a scrape", "kB", all.text.length / 1000),
      figure("fleet: the same in gzip", "kB", await gzipBytes(all.text) / 1000),
      ...await eventFigures(PODS, addPods),
    ];
    for (const kind of quick ? [] : KINDS) {
      say(`fleet: without ${kind} …`);
      const { lines } = await scrape({
        pods: PODS,
        flags: [`--disable-metrics=${kind},${OFF}`],
      });
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

/** Labels of pods that repeat `container`, `pod`, `namespace` and `pod_uid`. */
const REPEATED =
  "container_label_io_kubernetes_(container_name|pod_(name|namespace|uid))";

/** A Prometheus that scrapes copies of a response. */
class Scraper implements AsyncDisposable {
  readonly prometheus: PrometheusProcess;
  readonly #server: Deno.HttpServer;

  private constructor(prometheus: PrometheusProcess, server: Deno.HttpServer) {
    this.prometheus = prometheus;
    this.#server = server;
  }

  static async start(
    text: string,
    relabelings: readonly Record<string, unknown>[] = [],
  ): Promise<Scraper> {
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
        "metric_relabel_configs": [
          ...(await droppedIds()).map((regex) => ({
            "source_labels": ["id"],
            regex,
            action: "drop",
          })),
          ...relabelings,
        ],
      }],
    };
    await Deno.writeTextFile(
      `${directory}/prometheus.yml`,
      JSON.stringify(config),
    );
    return new Scraper(await PrometheusProcess.startIn(directory), server);
  }

  /** Waits until each target was scraped twice. */
  async ready(): Promise<void> {
    await until(
      async () =>
        (await this.prometheus.query("sum(up)"))[0]?.points[0]?.[1] === TARGETS,
      { timeoutMs: 60_000, everyMs: 500 },
    );
    await delay(5_000);
  }

  /** Returns a metric of the Prometheus itself. */
  async own(name: string): Promise<number> {
    const text = await (await fetch(`${this.prometheus.url}/metrics`)).text();
    return Number(RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, "m").exec(text)?.[1]);
  }

  /** Returns bytes per series in the heap after a garbage collection. */
  async heapPerSeries(): Promise<number> {
    const profile = await fetch(
      `${this.prometheus.url}/debug/pprof/heap?gc=1`,
    );
    await profile.body?.cancel();
    return await this.own("go_memstats_heap_alloc_bytes") /
      await this.own("prometheus_tsdb_head_series");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.prometheus.stop();
    await this.#server.shutdown();
  }
}

/** Memory and CPU time of a Prometheus that scrapes copies of a response. */
async function prometheusCost(
  { text }: Scrape,
  say: (text: string) => void,
): Promise<Figure[]> {
  say(`fleet: Prometheus with ${TARGETS} nodes …`);
  const figures: Figure[] = [];
  {
    await using scraper = await Scraper.start(text);
    const { pid } = scraper.prometheus;
    const idle = await residentMb(pid);
    const samples = () =>
      scraper.own("prometheus_tsdb_head_samples_appended_total");
    await scraper.ready();
    const heap = await scraper.heapPerSeries();
    const [samplesBefore, cpuBefore] = [await samples(), await cpuNs(pid)];
    await delay(30_000);
    const appended = await samples() - samplesBefore;
    const cpu = await cpuNs(pid) - cpuBefore;
    const series = await scraper.own("prometheus_tsdb_head_series");
    figures.push(
      figure("fleet: series in this Prometheus", "", series),
      figure(
        "fleet: memory of Prometheus per series",
        "bytes",
        (await residentMb(pid) - idle) * 2 ** 20 / series,
        "resident, of which a part is garbage",
      ),
      figure(
        "fleet: CPU of Prometheus per sample",
        "ns",
        cpu / appended,
        "scrape, parse, relabel, append",
      ),
      figure(
        "fleet: heap of Prometheus per series",
        "bytes",
        heap,
        "without garbage, after the first scrapes",
      ),
    );
  }
  await using scraper = await Scraper.start(text, [
    { regex: REPEATED, action: "labeldrop" },
  ]);
  await scraper.ready();
  return [
    ...figures,
    figure(
      "fleet: the same with labeldrop",
      "bytes",
      await scraper.heapPerSeries(),
      "of four labels",
    ),
  ];
}

export const fleet: readonly Benchmark[] = [sizes];
