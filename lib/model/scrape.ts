import type { RequestOptions } from "./container.ts";

/** The form of a metrics text: Prometheus 0.0.4, or OpenMetrics 1.0. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** What one scrape asks for. */
export interface ScrapeRequest {
  readonly format: ExpositionFormat;
  /** The only families that are wanted, by name; empty for all. */
  readonly names: ReadonlySet<string>;
  /** Which containers, and how fresh. */
  readonly containers: Pick<RequestOptions, "type" | "maxAgeMs">;
}
