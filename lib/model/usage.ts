import type { ContainerReference } from "./container.ts";

/**
 * Distribution of samples over a span of time: milli-CPUs or bytes, rounded
 * down to integers.
 */
export interface Percentiles {
  readonly mean: number;
  /** Sample standard deviation; 0 for a single value. */
  readonly std: number;
  readonly max: number;
  readonly fifty: number;
  readonly ninety: number;
  readonly ninetyfive: number;
  /** Number of values: samples of a minute, or minutes of an hour or a day. */
  readonly count: number;
}

/** CPU and memory usage over a span of time; unknown parts are absent. */
export interface Usage {
  /** Observed share of the span, 0 to 100. */
  readonly percentComplete: number;
  /** Milli-CPUs. */
  readonly cpu?: Percentiles;
  /** Working set, bytes. */
  readonly memory?: Percentiles;
}

/** Recent usage of a container. */
export interface DerivedStats {
  /** Last sample, milliseconds since the epoch; absent before the first. */
  readonly timestampMs?: number;
  /** Milli-CPUs between the last two samples, and bytes of the last. */
  readonly latest: { readonly cpu?: number; readonly memory?: number };
  /** The last complete minute. */
  readonly minute: Usage;
  /** Minutes of the last hour. */
  readonly hour: Usage;
  /** Minutes of the last day. */
  readonly day: Usage;
}

export interface DescribedUsage {
  readonly reference: ContainerReference;
  readonly usage: DerivedStats;
}
