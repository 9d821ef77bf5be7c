import { COLUMN } from "../model/sample.ts";
import type { DerivedStats, Usage } from "../model/usage.ts";
import { MinuteRows } from "./minute_rows.ts";
import { percentilesOf } from "./percentiles.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Closer samples are ignored: at most 600 per minute. */
const MIN_GAP_MS = 100;

/**
 * One container's usage in the last minute, hour and day. Each minute adds a
 * row, from which hours and days are computed on demand.
 */
export class UsageSummary {
  readonly #minutes = new MinuteRows();
  #minute: Usage = { percentComplete: 0 };
  #startMs = NaN;
  #lastMs = NaN;
  #lastCpuNs = NaN;
  #latestCpu: number | undefined;
  /** Milli-CPUs between samples of the current minute. */
  #cpu: number[] = [];
  /** Working sets in bytes, from that at the end of the last minute on. */
  #memory: number[] = [];

  /** `row` is as filled by the handler. */
  add(timestampMs: number, row: Float64Array): void {
    const elapsedMs = timestampMs - this.#lastMs;
    if (elapsedMs >= 0 && elapsedMs < MIN_GAP_MS) return;
    // The first sample, or the clock was set back.
    if (!(elapsedMs > 0)) this.#begin(timestampMs);
    const cpuNs = row[COLUMN.cpuUsageNs] ?? NaN;
    // Nanoseconds per millisecond are millionths of a CPU.
    const rate = Math.trunc((cpuNs - this.#lastCpuNs) / elapsedMs / 1000);
    this.#latestCpu = elapsedMs > 0 && rate >= 0 ? rate : undefined;
    if (this.#latestCpu !== undefined) this.#cpu.push(this.#latestCpu);
    const memory = workingSet(row);
    if (!Number.isNaN(memory)) this.#memory.push(memory);
    this.#lastMs = timestampMs;
    this.#lastCpuNs = cpuNs;
    if (timestampMs - this.#startMs > MINUTE_MS) this.#end();
  }

  derived(): DerivedStats {
    const cpu = this.#latestCpu;
    const memory = this.#memory.at(-1);
    return {
      ...(!Number.isNaN(this.#lastMs) && { timestampMs: this.#lastMs }),
      latest: {
        ...(cpu !== undefined && { cpu }),
        ...(memory !== undefined && { memory }),
      },
      minute: this.#minute,
      hour: this.#minutes.usage(HOUR_MS),
      day: this.#minutes.usage(DAY_MS),
    };
  }

  #begin(timestampMs: number): void {
    this.#startMs = timestampMs;
    this.#cpu = [];
    this.#memory = [];
  }

  #end(): void {
    const latest = this.#memory.at(-1);
    const cpu = percentilesOf(Float64Array.from(this.#cpu));
    const memory = percentilesOf(Float64Array.from(this.#memory));
    this.#minute = {
      percentComplete: 100,
      ...(cpu !== undefined && { cpu }),
      ...(memory !== undefined && { memory }),
    };
    this.#minutes.add(this.#lastMs, this.#minute);
    this.#begin(this.#lastMs);
    if (latest !== undefined) this.#memory.push(latest);
  }
}

function workingSet(row: Float64Array): number {
  const inactiveFile = row[COLUMN.memoryInactiveFile] || 0;
  return Math.max(0, (row[COLUMN.memoryUsage] ?? NaN) - inactiveFile);
}
