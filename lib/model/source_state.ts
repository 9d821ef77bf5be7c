/** State of a data source, as in `/readyz`. */
export interface SourceState {
  readonly name: string;
  /** `off` is disabled, `degraded` lacks data. */
  readonly state: "ok" | "degraded" | "off";
  /** Missing data and the reason. */
  readonly detail: string;
}
