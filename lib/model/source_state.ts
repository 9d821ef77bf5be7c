/** As reported by `/readyz`. */
export interface SourceState {
  readonly name: string;
  /** `off` if disabled or absent, `degraded` if data is missing. */
  readonly state: "ok" | "degraded" | "off";
  /** Missing data and reason; empty if `ok`. */
  readonly detail: string;
}
