import type { ContainerReference } from "./container.ts";

/** Distribution over a span of time, in milli-CPUs or bytes, rounded down. */
export interface Percentiles {
  readonly mean: number;
  /** Sample standard deviation; 0 for a single value. */
  readonly std: number;
  readonly max: number;
  readonly fifty: number;
  readonly ninety: number;
  readonly ninetyfive: number;
  /** Samples of a minute, or minutes of an hour or a day. */
  readonly count: number;
}

/** Usage over a span of time; unknown parts are absent. */
export interface Usage {
  /** Observed percentage of the span. */
  readonly percentComplete: number;
  /** Milli-CPUs. */
  readonly cpu?: Percentiles;
  /** Working set, bytes. */
  readonly memory?: Percentiles;
}

/** Recent usage of a container. */
export interface DerivedStats {
  /** Last sample, milliseconds since the epoch. */
  readonly timestampMs?: number;
  /** Milli-CPUs between the last two samples, and bytes of the last. */
  readonly latest: { readonly cpu?: number; readonly memory?: number };
  /** Last complete minute. */
  readonly minute: Usage;
  readonly hour: Usage;
  readonly day: Usage;
}

export interface DescribedUsage {
  readonly reference: ContainerReference;
  readonly usage: DerivedStats;
}
