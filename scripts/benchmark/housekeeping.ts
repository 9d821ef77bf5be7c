/**
 * Cost of a sample of one and of many containers.
 *
 * @module
 */
import process from "node:process";
import { MemoryCache, type SampleRing } from "../../lib/cache/memory_cache.ts";
import { parseConfig } from "../../lib/config/config.ts";
import { CgroupHandler } from "../../lib/handlers/cgroup_handler.ts";
import { findHierarchies } from "../../lib/kernfs/cgroup/hierarchy.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { maxOpenFiles } from "../../lib/open_manager.ts";
import { TestCgroups } from "../../tests/e2e/_cgroups.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { compileFloor } from "./floor.ts";

const BUFFER_BYTES = 65_536;

/** Samples until V8 has compiled all code: those of 20 s at 500 containers. */
const WARM_SAMPLES = 10_000;

/** Records opened control files. */
class RememberingFs extends HostFs {
  readonly paths = new Set<string>();

  override open(path: string): Deno.FsFile | undefined {
    const file = super.open(path);
    if (file !== undefined) this.paths.add(path);
    return file;
  }
}

/** Containers sampled one by one, as in the agent. */
class Samples implements AsyncDisposable {
  readonly #cgroups: TestCgroups;
  readonly fs: RememberingFs = new RememberingFs({
    maxOpenFiles: maxOpenFiles(),
  });
  readonly #handlers: CgroupHandler[] = [];
  readonly #rings: SampleRing[] = [];
  #rounds = 0;

  constructor(count: number) {
    this.#cgroups = new TestCgroups(`bench${count}`);
    const fs = this.fs;
    const hierarchies = findHierarchies(fs);
    const config = parseConfig([]);
    const kinds = "metricKinds" in config
      ? config.metricKinds
      : new Set<string>();
    const cache = new MemoryCache({ maxAgeMs: 120_000, intervalMs: 1_000 });
    for (let i = 0; i < count; i++) {
      const name = this.#cgroups.make(`/c${i}`);
      const handler = new CgroupHandler({ name }, { fs, hierarchies, kinds });
      this.#handlers.push(handler);
      this.#rings.push(cache.ring(name, handler.builder.layout));
    }
    for (let warm = 0; warm < WARM_SAMPLES; warm += count) this.sampleAll();
  }

  /** Returns the CPU time in nanoseconds. */
  sampleAll(): number {
    const before = process.cpuUsage();
    this.#rounds++;
    for (const [i, handler] of this.#handlers.entries()) {
      handler.sample();
      this.#rings[i]?.add(this.#rounds * 1000, handler.builder.row);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) * 1000;
  }

  /** Files that a sample reads. */
  files(): string[] {
    return [...this.fs.paths];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handler of this.#handlers) handler.close();
    await this.#cgroups[Symbol.asyncDispose]();
  }
}

/** Returns CPU nanoseconds per round of reading the files in C. */
async function readInC(
  floor: string,
  files: readonly string[],
  rounds: number,
): Promise<number[]> {
  const child = new Deno.Command(floor, {
    args: ["pread", String(rounds), String(BUFFER_BYTES)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(files.join("\n") + "\n"));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("The reference in C cannot read a file");
  return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
}

/** Returns CPU nanoseconds of reading the files with `Deno.readTextFile`. */
async function readNaively(files: readonly string[]): Promise<number> {
  const before = process.cpuUsage();
  for (const file of files) {
    const text = await Deno.readTextFile(file);
    for (const line of text.split("\n")) line.split(" ").map(Number);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

const sample: Benchmark = {
  name: "sample",
  async run({ quick }) {
    const count = quick ? 100 : 300;
    const rounds = quick ? 5 : 15;
    const dir = await Deno.makeTempDir();
    await using samples = new Samples(count);
    try {
      const floor = await compileFloor(dir);
      const files = samples.files();
      const ours: number[] = [];
      const inC: number[] = [];
      const naive: number[] = [];
      for (let round = 0; round < rounds; round++) {
        // As in C, the first round warms the caches.
        samples.sampleAll();
        ours.push(samples.sampleAll() / count / 1000);
        if (floor !== undefined) {
          for (const ns of await readInC(floor, files, 1)) {
            inC.push(ns / count / 1000);
          }
        }
        if (round < 3) naive.push(await readNaively(files) / count / 1000);
      }
      const note = `${count} containers, ${
        (files.length / count).toFixed(1)
      } files each`;
      const figures: Figure[] = [{
        name: "CPU of a container's sample",
        unit: "µs",
        values: ours,
        reference: { name: "C pread", values: inC },
        goal: { of: "ratio", limit: 1.8 },
        note,
      }, {
        name: "CPU per sample, against readTextFile and split",
        unit: "µs",
        values: ours,
        reference: { name: "naive", values: naive },
        note,
      }];
      return figures;
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

const manySamples: Benchmark = {
  name: "samples",
  async run({ quick }) {
    const rounds = quick ? 3 : 9;
    const dir = await Deno.makeTempDir();
    try {
      const floor = await compileFloor(dir);
      const measure = async (count: number) => {
        await using samples = new Samples(count);
        const ours = Array.from(
          { length: rounds },
          () => samples.sampleAll() / 1e6,
        );
        const { openFiles, maxOpenFiles } = samples.fs;
        const note = openFiles < maxOpenFiles
          ? ""
          : `no more than ${maxOpenFiles} files may be open`;
        const inC = floor === undefined
          ? []
          : await readInC(floor, samples.files(), rounds);
        return { ours, inC: inC.map((ns) => ns / 1e6), note };
      };
      const figures: Figure[] = [];
      for (const small of quick ? [90] : [90, 300]) {
        const large = small * 10;
        const reference = await measure(small);
        const { ours, inC, note } = await measure(large);
        figures.push({
          name: `CPU of one sample of ${large} containers`,
          unit: "ms",
          values: ours,
          reference: { name: `${small} containers`, values: reference.ours },
          goal: { of: "ratio", limit: 10.5 },
          note,
        }, {
          // Beyond the limit of open files, both open files for each read.
          name: "to read the same files in C",
          unit: "ms",
          values: inC,
          reference: { name: `${small} containers`, values: reference.inC },
        });
      }
      return figures.filter(({ values }) => values.length > 0);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

export const housekeeping: readonly Benchmark[] = [sample, manySamples];
