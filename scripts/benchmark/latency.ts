/**
 * Latency of events from kernel to log.
 *
 * @module
 */
import { AGENT, delay, until } from "../../tests/e2e/_agent.ts";
import { CAN_OOM, HIERARCHIES, TestCgroups } from "../../tests/e2e/_cgroups.ts";
import { type Benchmark, type Figure, quantile } from "./figure.ts";
import { compileFloor, LineReader } from "./floor.ts";

/** Starts an agent whose log is read as it is written. */
async function startAgent(): Promise<LineReader> {
  const agent = new LineReader([
    AGENT,
    "--listen=127.0.0.1:0",
    "--event-log=-",
  ]);
  await until(() => agent.lines.some(({ text }) => text.includes('"/"')));
  await delay(1_500);
  return agent;
}

/**
 * Returns median and 99th percentile, with a floor as reference and the allowed
 * difference as goal.
 */
function figuresOf(
  name: string,
  values: readonly number[],
  floor: { name: string; values: readonly number[] } | undefined,
  limits: { p50: number; p99: number },
): Figure[] {
  return ([["p50", 0.5], ["p99", 0.99]] as const).map(([label, share]) => ({
    name: `${name}, ${label}`,
    unit: "ms",
    values: [quantile(values, share)],
    ...(floor !== undefined && {
      reference: { name: floor.name, values: [quantile(floor.values, share)] },
    }),
    goal: {
      of: floor === undefined ? "value" : "difference",
      limit: limits[label],
    },
    note: `${values.length} events`,
  }));
}

const mkdir: Benchmark = {
  name: "mkdir",
  async run({ quick }) {
    const count = quick ? 100 : 500;
    const dir = await Deno.makeTempDir();
    await using cgroups = new TestCgroups("latency");
    const controller = HIERARCHIES.has("memory") ? "memory" : "unified";
    const [path = ""] = cgroups.paths([controller]);
    cgroups.make("", [controller]);
    const agent = await startAgent();
    const floorPath = await compileFloor(dir);
    const floor = floorPath === undefined
      ? undefined
      : new LineReader([floorPath, "inotify", path + cgroups.name]);
    try {
      await delay(200);
      const made = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        made.set(`e${i}`, performance.now());
        cgroups.make(`/e${i}`, [controller]);
        await delay(20 + (i % 7));
      }
      await delay(500);
      const prefix = `${cgroups.name}/e`;
      const ours: number[] = [];
      for (const { text, atMs } of agent.lines) {
        if (!text.includes('"containerCreation"')) continue;
        const { container_name: name } = JSON.parse(text);
        if (!name.startsWith(prefix)) continue;
        ours.push(
          atMs - (made.get(name.slice(cgroups.name.length + 1)) ?? NaN),
        );
      }
      const theirs = floor?.lines.filter(({ text }) => made.has(text))
        .map(({ text, atMs }) => atMs - (made.get(text) ?? NaN));
      return figuresOf(
        "mkdir to the log",
        ours,
        theirs && { name: "C inotify", values: theirs },
        { p50: 3, p99: 15 },
      );
    } finally {
      await agent.close();
      await floor?.close();
      await Deno.remove(dir, { recursive: true });
    }
  },
};

const oom: Benchmark = {
  name: "oom",
  async run({ quick, say }) {
    const count = quick ? 10 : 60;
    const dir = await Deno.makeTempDir();
    const floorPath = await compileFloor(dir);
    if (!CAN_OOM || floorPath === undefined) {
      say("oom: requires a memory controller, /dev/kmsg and cc");
      return [];
    }
    await using cgroups = new TestCgroups("oomlatency");
    const agent = await startAgent();
    const floor = new LineReader([floorPath, "kmsg"]);
    try {
      await delay(200);
      for (let i = 0; i < count; i++) {
        await cgroups.oom(`/o${i}`, 8 * 2 ** 20);
        // The kernel prints at most ten complete reports in five seconds.
        await delay(quick ? 100 : 520);
      }
      await delay(1_000);
      const read = new Map(
        floor.lines.map(({ text, atMs }) => [Number(text), atMs]),
      );
      const values: number[] = [];
      for (const { text, atMs } of agent.lines) {
        if (!text.includes('"oomKill"')) continue;
        const { event_data: { oom } } = JSON.parse(text);
        const at = read.get(oom.kmsg_seq);
        if (at !== undefined) values.push(Math.max(0, atMs - at));
      }
      return figuresOf(
        "the kernel's OOM record to the log",
        values,
        undefined,
        {
          p50: 5,
          p99: 20,
        },
      );
    } finally {
      await agent.close();
      await floor.close();
      await Deno.remove(dir, { recursive: true });
    }
  },
};

export const latency: readonly Benchmark[] = [mkdir, oom];
