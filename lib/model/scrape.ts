import type { RequestOptions } from "./container.ts";

/** Prometheus 0.0.4, or OpenMetrics 1.0. */
export type ExpositionFormat = "prometheus" | "openmetrics";

export interface ScrapeRequest {
  readonly format: ExpositionFormat;
  /** Empty for all. */
  readonly names: ReadonlySet<string>;
  readonly containers: Pick<RequestOptions, "type" | "maxAgeMs">;
}
