import type { ContainerReference } from "./container.ts";

/** Distribution over time, in milli-CPUs or bytes, rounded down. */
export interface Percentiles {
  readonly mean: number;
  /** Sample standard deviation; 0 for one value. */
  readonly std: number;
  readonly max: number;
  readonly fifty: number;
  readonly ninety: number;
  readonly ninetyfive: number;
  /** Samples of a minute, or minutes of an hour or day. */
  readonly count: number;
}

/** Unknown parts are absent. */
export interface Usage {
  /** Observed share of the span. */
  readonly percentComplete: number;
  /** Milli-CPUs. */
  readonly cpu?: Percentiles;
  /** Working set, bytes. */
  readonly memory?: Percentiles;
}

export interface DerivedStats {
  /** Last sample, milliseconds since the epoch. */
  readonly timestampMs?: number;
  /** Milli-CPUs between the last two samples; bytes of the last. */
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
