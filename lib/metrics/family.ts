/** What Prometheus takes a number for. */
export type FamilyType = "counter" | "gauge" | "histogram";

/**
 * Takes one number of a family: an absent one makes no series. `labels` are
 * those beside the subject's, as text: `cpu="cpu00"`; `suffix` is of a
 * histogram's parts.
 */
export type Emit = (
  value: number | undefined,
  labels?: string,
  suffix?: string,
) => void;

/** Series of one name, of every subject that has them: a container, the machine, the agent. */
export interface Family<S> {
  /** As dashboards know it. */
  readonly name: string;
  /** What the number is, in a few words. */
  readonly help: string;
  readonly type: FamilyType;
  /** Kinds of measurement that must be on, by cAdvisor's names. @default none */
  readonly kinds?: readonly string[];
  /** Labels beside the subject's. @default none */
  readonly labels?: readonly string[];
  /**
   * Whether they depend on more than the subject's own numbers, as on the time:
   * of a subject that is as it was before they are told anew all the same.
   *
   * @default false
   */
  readonly anew?: boolean;
  /** Gives the subject's numbers. */
  readonly numbers: Values<S> | Some<S>;
}

/** Gives any number of numbers of a subject, each with its labels. */
export type Values<S> = (subject: S, emit: Emit) => void;

/** Gives numbers that only some subjects have. Of families with the same `has` each subject is asked once for all. */
export interface Some<S> {
  readonly has: (subject: S) => boolean;
  readonly each: Values<S>;
}

/** A family of a number that only grows. */
export function counter<S>(
  name: string,
  help: string,
  numbers: Family<S>["numbers"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "counter", labels, numbers };
}

/** A family of a number that goes up and down. */
export function gauge<S>(
  name: string,
  help: string,
  numbers: Family<S>["numbers"],
  labels: readonly string[] = [],
): Family<S> {
  return { name, help, type: "gauge", labels, numbers };
}

/** The same families, told only where those kinds of measurement are on. */
export function ofKinds<S>(
  kinds: readonly string[],
  families: readonly Family<S>[],
): Family<S>[] {
  return families.map((family) => ({ ...family, kinds }));
}
