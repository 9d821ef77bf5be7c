export type FamilyType = "counter" | "gauge" | "histogram";

/**
 * Adds a value unless it is undefined. `labels` follow the subject's:
 * `cpu="cpu00"`; `suffix` is for parts of a histogram.
 */
export type Emit = (
  value: number | undefined,
  labels?: string,
  suffix?: string,
) => void;

/** Series of one name for all subjects: containers, the machine, the agent. */
export interface Family<S> {
  readonly name: string;
  /** Noun phrase with the unit. */
  readonly help: string;
  readonly type: FamilyType;
  /** Metric kinds that must be enabled. @default none */
  readonly kinds?: readonly string[];
  /** Labels beyond the subject's. @default none */
  readonly labels?: readonly string[];
  /**
   * Whether values also depend on something else, such as the time, so that
   * even unchanged subjects are written again.
   *
   * @default false
   */
  readonly isVolatile?: boolean;
  readonly values: Values<S> | ConditionalValues<S>;
}

/** Emits the values of a subject. */
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

/** Returns families for enabled metric kinds. */
export function ofKinds<S>(
  kinds: readonly string[],
  families: readonly Family<S>[],
): Family<S>[] {
  return families.map((family) => ({ ...family, kinds }));
}
