/** How a source of facts fares, as `/readyz` tells it. */
export interface SourceState {
  readonly name: string;
  /** `off` where it was turned off; `degraded` where less is known than could be. */
  readonly state: "ok" | "degraded" | "off";
  /** What is lost, and why. */
  readonly detail: string;
}
