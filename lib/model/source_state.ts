/** State of a data source, as reported by `/readyz`. */
export interface SourceState {
  readonly name: string;
  /** `off` if disabled or absent, `degraded` if data is missing. */
  readonly state: "ok" | "degraded" | "off";
  /** The missing data and the reason; empty if `ok`. */
  readonly detail: string;
}
