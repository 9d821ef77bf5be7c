/** State of a data source, as in `/readyz`. */
export interface SourceState {
  readonly name: string;
  /** `off` if it is disabled; `degraded` if data is missing. */
  readonly state: "ok" | "degraded" | "off";
  /** Missing data and the reason. */
  readonly detail: string;
}
