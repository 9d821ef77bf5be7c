import type { RequestOptions } from "./container.ts";

/** Exposition format: Prometheus 0.0.4, or OpenMetrics 1.0. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** Parameters of one scrape. */
export interface ScrapeRequest {
  readonly format: ExpositionFormat;
  /** Names of the families to return; empty for all. */
  readonly names: ReadonlySet<string>;
  /** Selection of containers, and maximum age of samples. */
  readonly containers: Pick<RequestOptions, "type" | "maxAgeMs">;
}
