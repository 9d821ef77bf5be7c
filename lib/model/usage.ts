import type { ContainerReference } from "./container.ts";

/** How a number was spread over a span of time. Milli-CPUs or bytes, cut to whole ones. */
export interface Percentiles {
  readonly mean: number;
  /** Standard deviation of a sample; 0 of a single number. */
  readonly std: number;
  readonly max: number;
  readonly fifty: number;
  readonly ninety: number;
  readonly ninetyfive: number;
  /** How many numbers it is made of: samples of a minute, minutes of an hour or a day. */
  readonly count: number;
}

/** Use of CPU and memory over a span of time; a part of which nothing is known is absent. */
export interface Usage {
  /** How much of the span was seen, 0 to 100. */
  readonly percentComplete: number;
  /** Milli-CPUs. */
  readonly cpu?: Percentiles;
  /** Working set, bytes. */
  readonly memory?: Percentiles;
}

/** What a container used of late. */
export interface DerivedStats {
  /** When it was sampled last, milliseconds since the epoch; absent before the first sample. */
  readonly timestampMs?: number;
  /** Milli-CPUs between the last two samples, and bytes of the last. */
  readonly latest: { readonly cpu?: number; readonly memory?: number };
  /** The last whole minute. */
  readonly minute: Usage;
  /** The minutes of the last hour. */
  readonly hour: Usage;
  /** The minutes of the last day. */
  readonly day: Usage;
}

/** What one of several containers used. */
export interface DescribedUsage {
  readonly reference: ContainerReference;
  readonly usage: DerivedStats;
}
