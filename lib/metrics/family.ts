export type FamilyType = "counter" | "gauge" | "histogram";

/**
 * Adds a value, unless undefined. `labels` follow the subject's: `cpu="cpu00"`;
 * `suffix` is for histograms.
 */
export type Emit = (
  value: number | undefined,
  labels?: string,
  suffix?: string,
) => void;

/** Series of one name for all subjects: containers, machine, agent. */
export interface Family<S> {
  readonly name: string;
  /** Noun phrase with unit. */
  readonly help: string;
  readonly type: FamilyType;
  /** Metric kinds that must be enabled. @default none */
  readonly kinds?: readonly string[];
  /** Beyond the subject's. @default none */
  readonly labels?: readonly string[];
  /**
   * Values depend on something else, such as the time: unchanged subjects are
   * written again.
   *
   * @default false
   */
  readonly isVolatile?: boolean;
  readonly values: Values<S> | ConditionalValues<S>;
}

export type Values<S> = (subject: S, emit: Emit) => void;

/** Families with the same `has` call it once per subject. */
export interface ConditionalValues<S> {
  readonly has: (subject: S) => boolean;
  readonly each: Values<S>;
}

/** Returns a counter. */
export function counter<S>(
  name: string,
  help: string,
  values: Family<S>["values"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "counter", labels, values };
}

/** Returns a gauge. */
export function gauge<S>(
  name: string,
  help: string,
  values: Family<S>["values"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "gauge", labels, values };
}

/** Sets the kinds that must be enabled. */
export function ofKinds<S>(
  kinds: readonly string[],
  families: readonly Family<S>[],
): Family<S>[] {
  return families.map((family) => ({ ...family, kinds }));
}
