/**
 * Compares cgwatch with cAdvisor, alternately, on the same cgroups.
 *
 * @module
 */
import { AgentProcess, delay, until } from "../../tests/e2e/_agent.ts";
import { TestCgroups } from "../../tests/e2e/_cgroups.ts";
import type { Benchmark, BenchOptions, Figure } from "./figure.ts";
import { LeanClient } from "./lean_client.ts";
import { cpuNs, makeMany, residentMb } from "./load.ts";

const CADVISOR = Deno.env.get("CGWATCH_BENCH_CADVISOR");
const COUNT = 500;
/** cAdvisor starts containers one by one. */
const KNOWN_LIMIT_MS = 120_000;
/** Wakes each second, so that samples differ. */
const WAKE =
  "exec bash -c 'exec 3<> <(:); while :; do read -t 1 -u 3; done' 2>&1";

interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
}

/** Starts a program with a housekeeping interval in seconds. */
type Start = (seconds: number) => Promise<Program>;

async function startCgwatch(seconds: number): Promise<Program> {
  const agent = await AgentProcess.start([
    "--event-log=none",
    "--allow-dynamic-housekeeping=false",
    `--housekeeping-interval=${seconds}s`,
  ]);
  return {
    pid: agent.pid,
    url: agent.url,
    [Symbol.asyncDispose]: async () => void await agent.stop(),
  };
}

function startCadvisor(seconds: number): Promise<Program> {
  const port = freePort();
  const child = new Deno.Command(CADVISOR ?? "", {
    args: [
      "--listen_ip=127.0.0.1",
      `--port=${port}`,
      "--allow_dynamic_housekeeping=false",
      `--housekeeping_interval=${seconds}s`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return Promise.resolve({
    pid: child.pid,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  });
}

/** cAdvisor does not report a port chosen for port 0. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function knows(
  { url }: Program,
  { name }: TestCgroups,
): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/v1.3/subcontainers${name}`, {
      method: "POST",
      body: '{"num_stats":1}',
    });
    const infos: unknown[] = await response.json();
    return infos.length > COUNT;
  } catch {
    // It does not listen, or list the first container, yet.
    return false;
  }
}

/** Measurements per program. */
const MEASURES = [
  ["start until all are known", "ms"],
  ["CPU", "% of a core"],
  ["resident memory", "MB"],
  ["/metrics after a pause", "ms"],
  ["/metrics again", "ms"],
  ["subcontainers", "ms"],
] as const;

type Measured = Record<typeof MEASURES[number][0], number[]>;

async function measure(
  start: Start,
  cgroups: TestCgroups,
  { seconds, quick }: { readonly seconds: number; readonly quick: boolean },
): Promise<Measured> {
  const startMs = performance.now();
  await using program = await start(seconds);
  const { pid, url } = program;
  if (
    !await until(() => knows(program, cgroups), {
      timeoutMs: KNOWN_LIMIT_MS,
      everyMs: 20,
    })
  ) {
    throw new Error(
      `${url} does not know the ${COUNT} containers after ${KNOWN_LIMIT_MS} ms`,
    );
  }
  const knownMs = performance.now() - startMs;
  using client = await LeanClient.connect(url);
  const timed = async (path: string) => {
    const startMs = performance.now();
    await client.get(path);
    return performance.now() - startMs;
  };
  const repeated = async (path: string) => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push(await timed(path));
    return times;
  };
  await delay(quick ? 1_000 : 15_000);
  await timed("/metrics");
  const pauseMs = quick ? 5_000 : 15_000;
  const paused: number[] = [];
  const beforeNs = await cpuNs(pid);
  const fromMs = performance.now();
  for (let scrape = 0; scrape < (quick ? 1 : 3); scrape++) {
    await delay(pauseMs);
    paused.push(await timed("/metrics"));
  }
  const wallNs = (performance.now() - fromMs) * 1e6;
  return {
    "start until all are known": [knownMs],
    "CPU": [(await cpuNs(pid) - beforeNs) / wallNs * 100],
    "resident memory": [await residentMb(pid)],
    "/metrics after a pause": paused,
    "/metrics again": await repeated("/metrics"),
    "subcontainers": await repeated(
      `/api/v1.3/subcontainers${cgroups.name}`,
    ),
  };
}

async function compare(
  [kind, seconds]: readonly ["idle" | "busy", number],
  { quick, say }: BenchOptions,
): Promise<Figure[]> {
  await using cgroups = new TestCgroups(`peer-${kind}`);
  makeMany(cgroups, COUNT);
  if (kind === "busy") {
    for (let i = 0; i < COUNT; i++) cgroups.spawn(`/c${i}`, WAKE);
  }
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let round = 0; round < (quick ? 1 : 2); round++) {
    say(`  ${COUNT} ${kind}, ${seconds} s interval: cgwatch …`);
    ours.push(await measure(startCgwatch, cgroups, { seconds, quick }));
    say("  cAdvisor …");
    theirs.push(await measure(startCadvisor, cgroups, { seconds, quick }));
  }
  return MEASURES.map(([name, unit]) => ({
    name: `${COUNT} ${kind}, ${seconds} s interval: ${name}`,
    unit,
    values: ours.flatMap((measured) => measured[name]),
    reference: {
      name: "cAdvisor",
      values: theirs.flatMap((measured) => measured[name]),
    },
  }));
}

const peer: Benchmark = {
  name: "peer",
  async run(options) {
    if (!CADVISOR) {
      options.say("peer: skipped, CGWATCH_BENCH_CADVISOR names no cAdvisor");
      return [];
    }
    const all = [["idle", 10], ["busy", 10], ["idle", 1], ["busy", 1]] as const;
    const figures: Figure[] = [];
    for (const scenario of options.quick ? [all[0], all[3]] : all) {
      figures.push(...await compare(scenario, options));
    }
    return figures;
  },
};

export const comparison: readonly Benchmark[] = [peer];
