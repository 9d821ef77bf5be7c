/** Metric type in the exposition. */
export type FamilyType = "counter" | "gauge" | "histogram";

/**
 * Adds a value of a family; an undefined one is skipped. `labels` are appended
 * to the subject's, as text: `cpu="cpu00"`. `suffix` is for the parts of a
 * histogram.
 */
export type Emit = (
  value: number | undefined,
  labels?: string,
  suffix?: string,
) => void;

/**
 * A metric family: series of one name, for all subjects that have them
 * (containers, the machine, the agent).
 */
export interface Family<S> {
  readonly name: string;
  /** HELP text: a noun phrase with the unit. */
  readonly help: string;
  readonly type: FamilyType;
  /** Metric kinds that must be enabled, by cAdvisor's names. @default none */
  readonly kinds?: readonly string[];
  /** Labels in addition to the subject's. @default none */
  readonly labels?: readonly string[];
  /**
   * Whether values depend on more than the subject, such as the time. They are
   * then written again even if the subject is unchanged.
   *
   * @default false
   */
  readonly isVolatile?: boolean;
  readonly values: Values<S> | ConditionalValues<S>;
}

/** Emits any number of values of a subject, each with its labels. */
export type Values<S> = (subject: S, emit: Emit) => void;

/**
 * Values that only some subjects have. Families with the same `has` call it
 * once per subject.
 */
export interface ConditionalValues<S> {
  readonly has: (subject: S) => boolean;
  readonly each: Values<S>;
}

/** Returns a family of type counter. */
export function counter<S>(
  name: string,
  help: string,
  values: Family<S>["values"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "counter", labels, values };
}

/** Returns a family of type gauge. */
export function gauge<S>(
  name: string,
  help: string,
  values: Family<S>["values"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "gauge", labels, values };
}

/** Returns the families with the metric kinds that must be enabled. */
export function ofKinds<S>(
  kinds: readonly string[],
  families: readonly Family<S>[],
): Family<S>[] {
  return families.map((family) => ({ ...family, kinds }));
}
