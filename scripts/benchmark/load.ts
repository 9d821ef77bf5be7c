/**
 * Cost of a running agent, and its response times under load.
 *
 * @module
 */
import {
  parseProcessStat,
  TICKS_PER_SECOND,
} from "../../lib/kernfs/proc/process_stat.ts";
import { AgentProcess, delay } from "../../tests/e2e/_agent.ts";
import { TestCgroups } from "../../tests/e2e/_cgroups.ts";
import { type Benchmark, type Figure, quantile } from "./figure.ts";
import { LeanClient } from "./lean_client.ts";

/** Returns a process's CPU time in nanoseconds, with ended threads. */
export async function cpuNs(pid: number): Promise<number> {
  const { userTicks, systemTicks } = parseProcessStat(
    await Deno.readTextFile(`/proc/${pid}/stat`),
  );
  return (userTicks + systemTicks) * 1e9 / TICKS_PER_SECOND;
}

/** Returns a process's resident memory in MB. */
export async function residentMb(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1024;
}

/** Creates cgroups without processes. */
export function makeMany(cgroups: TestCgroups, count: number): void {
  for (let i = 0; i < count; i++) cgroups.make(`/c${i}`);
}

const QUIET = ["--event-log=none"];
const EVERY_SECOND = [
  ...QUIET,
  "--housekeeping-interval=1s",
  "--allow-dynamic-housekeeping=false",
];

const cpu: Benchmark = {
  name: "cpu",
  async run({ quick }) {
    await using cgroups = new TestCgroups("cpu");
    makeMany(cgroups, 500);
    const agent = await AgentProcess.start([
      ...QUIET,
      "--housekeeping-interval=10s",
      "--allow-dynamic-housekeeping=false",
    ]);
    try {
      const scrape = async () =>
        await (await fetch(`${agent.url}/metrics`)).arrayBuffer();
      await delay(quick ? 2_000 : 20_000);
      await scrape();
      const values: number[] = [];
      for (let round = 0; round < (quick ? 1 : 16); round++) {
        const before = await cpuNs(agent.pid);
        const startMs = performance.now();
        await scrape();
        await delay(15_000 - (performance.now() - startMs));
        const wallNs = (performance.now() - startMs) * 1e6;
        values.push((await cpuNs(agent.pid) - before) / wallNs * 100);
      }
      return [{
        name: "CPU at 500 containers, 10 s interval, 15 s scrapes",
        unit: "% of a core",
        values,
        goal: { of: "value", limit: 1 },
      }];
    } finally {
      await agent.stop();
    }
  },
};

const memory: Benchmark = {
  name: "memory",
  async run({ quick }) {
    const figures: Figure[] = [];
    for (
      const [count, args, limit] of [
        [10, QUIET, 55],
        [500, EVERY_SECOND, 75],
      ] as const
    ) {
      await using cgroups = new TestCgroups(`memory${count}`);
      makeMany(cgroups, count);
      const agent = await AgentProcess.start([...args]);
      try {
        const minutes = quick ? 0.05 : count === 10 ? 2 : 10;
        await delay(minutes * 60_000);
        const values: number[] = [];
        for (let i = 0; i < 10; i++) {
          values.push(await residentMb(agent.pid));
          await delay(100);
        }
        figures.push({
          name: count === 10
            ? "resident memory, idle with 10 containers"
            : "resident memory, 500 containers, 1 s interval",
          unit: "MB",
          values,
          goal: { of: "value", limit },
          note: `after ${minutes} min`,
        });
      } finally {
        await agent.stop();
      }
    }
    return figures;
  },
};

const SCRAPE_FOREVER = `
for (;;) {
  await (await fetch(Deno.args[0])).arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve, 50));
}`;

const scrape: Benchmark = {
  name: "scrape",
  async run({ quick }) {
    await using cgroups = new TestCgroups("scrape");
    makeMany(cgroups, 1_000);
    const agent = await AgentProcess.start(EVERY_SECOND);
    try {
      await delay(quick ? 2_000 : 10_000);
      const ms: number[] = [];
      const nsPerByte: number[] = [];
      const gzipMs: number[] = [];
      using client = await LeanClient.connect(agent.url);
      for (let round = 0; round < (quick ? 10 : 60); round++) {
        const startMs = performance.now();
        const bytes = await client.get("/metrics");
        const took = performance.now() - startMs;
        ms.push(took);
        nsPerByte.push(took * 1e6 / bytes);
        await delay(100);
        const gzipStartMs = performance.now();
        const headers = { "accept-encoding": "gzip" };
        await (await fetch(`${agent.url}/metrics`, { headers })).arrayBuffer();
        gzipMs.push(performance.now() - gzipStartMs);
        await delay(100);
      }
      // A small response takes as long as the event loop was blocked.
      const stalls: number[] = [];
      const endMs = performance.now() + (quick ? 3_000 : 20_000);
      // A separate process, whose load is not measured.
      const scraping = new Deno.Command(Deno.execPath(), {
        args: ["eval", SCRAPE_FOREVER, `${agent.url}/metrics`],
      }).spawn();
      while (performance.now() < endMs) {
        const startMs = performance.now();
        await client.get("/healthz");
        stalls.push(performance.now() - startMs);
        await delay(1);
      }
      scraping.kill("SIGKILL");
      await scraping.status;
      return [{
        name: "/metrics of 1,000 containers to its last byte",
        unit: "ms",
        values: ms,
        goal: { of: "value", limit: 40 },
      }, {
        name: "time per byte of /metrics",
        unit: "ns",
        values: nsPerByte,
        goal: { of: "value", limit: 8 },
      }, {
        name: "/metrics in gzip, decompressed by the client",
        unit: "ms",
        values: gzipMs,
      }, {
        name: "/healthz at the same time, p99",
        unit: "ms",
        values: [quantile(stalls, 0.99)],
        goal: { of: "value", limit: 10 },
        note: `${stalls.length} responses`,
      }];
    } finally {
      await agent.stop();
    }
  },
};

const start: Benchmark = {
  name: "start",
  async run({ quick }) {
    await using cgroups = new TestCgroups("start");
    makeMany(cgroups, 1_000);
    const values: number[] = [];
    for (let round = 0; round < (quick ? 3 : 11); round++) {
      const agent = await AgentProcess.start(QUIET);
      values.push(agent.readyMs);
      await agent.stop();
    }
    return [{
      name: "start to ready with 1,000 cgroups",
      unit: "ms",
      values,
      goal: { of: "value", limit: 800 },
    }];
  },
};

export const load: readonly Benchmark[] = [start, scrape, cpu, memory];
