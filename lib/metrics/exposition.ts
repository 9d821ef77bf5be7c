import type { ExpositionFormat } from "../model/scrape.ts";
import type { Emit, Family, Some, Values } from "./family.ts";
import { LineWriter } from "./line_writer.ts";
import type { TextMemory } from "./told_text.ts";

/** Families, and whose numbers they tell. */
export interface Section<S> {
  readonly families: readonly Family<S>[];
  readonly subjects: readonly S[];
  /** Labels that all series of a subject have, as text. */
  labelsOf(subject: S): string;
  /** Of the same families' text before, which makes this one cheap. @default none is kept */
  readonly memory?: TextMemory<S>;
  /** Whether a subject is as it was when that text was told. @default each may be otherwise */
  isAsBefore?(before: S, now: S): boolean;
}

/** How a text is written. */
export interface ExpositionOptions {
  readonly format: ExpositionFormat;
  /** The only families that are wanted, by name; empty for all. */
  readonly names: ReadonlySet<string>;
  /** Told of a subject whose numbers fail; the others are told all the same. */
  readonly onError: (error: unknown) => void;
}

/**
 * The numbers of the sections as text, in pieces, a family after the other:
 * that is how the format wants them. There are no timestamps.
 */
export function* expositionText(
  sections: readonly Section<never>[],
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const section of sections) yield* sectionText(section, options);
  if (options.format === "openmetrics") yield EOF;
}

const EOF = new TextEncoder().encode("# EOF\n");

/** Hides what the subjects are, so that sections of several kinds fit one list. */
export function section<S>(of: Section<S>): Section<never> {
  return of as unknown as Section<never>;
}

function* sectionText<S>(
  { families, subjects, labelsOf, memory, isAsBefore }: Section<S>,
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  const { names } = options;
  const isWhole = names.size === 0;
  const kept = (isWhole ? memory : undefined)?.take();
  const lines = new LineWriter(
    subjects.map(labelsOf),
    kept?.next,
    kept?.before,
  );
  const isOld = subjects.map((subject, at) => {
    const before = kept?.subjects[lines.placeBefore(at)];
    return before !== undefined && isAsBefore?.(before, subject) === true;
  });
  const all = [...subjects.keys()];
  const having = new Map<Some<S>["has"], readonly number[]>();
  for (const family of families) {
    if (!isWhole && !names.has(family.name)) continue;
    lines.family(family.name);
    const tell = tellerOf(family, { subjects, isOld, lines, ...options });
    let places: readonly number[] = all;
    if ("has" in family.numbers) {
      const { has } = family.numbers;
      places = having.get(has) ?? all.filter((at) => has(subjects[at] as S));
      having.set(has, places);
    }
    for (let next = 0; next < places.length;) {
      next = tell(places, next);
      if (lines.isFull) yield lines.take();
    }
    lines.endFamily();
  }
  yield lines.take();
  if (kept !== undefined) memory?.keep(subjects, kept);
}

interface Telling<S> extends Pick<ExpositionOptions, "format" | "onError"> {
  readonly subjects: readonly S[];
  /** Which of them are as they were in the text before. */
  readonly isOld: readonly boolean[];
  readonly lines: LineWriter;
}

/**
 * What tells a family's subjects at these places until a piece is full, from
 * one of them on, and returns which is next. No part of the generator, whose
 * loops V8 does not compile well.
 */
function tellerOf<S>(
  family: Family<S>,
  { subjects, isOld, lines, format, onError }: Telling<S>,
): (places: readonly number[], next: number) => number {
  let isTold = false;
  const begin = () => {
    if (!isTold) lines.putText(headOf(family, format));
    isTold = true;
  };
  const emit: Emit = (value, labels = "", suffix = "") => {
    if (value === undefined || Number.isNaN(value)) return;
    begin();
    lines.line(value, labels, suffix);
  };
  const tell = valuesOf(family);
  const { anew = false } = family;
  return (places, first) => {
    let next = first;
    while (next < places.length && !lines.isFull) {
      const at = places[next++] as number;
      lines.subject(at);
      if (isOld[at] && !anew) {
        if (lines.hasOld) {
          begin();
          lines.repeat();
        }
        continue;
      }
      try {
        tell(subjects[at] as S, emit);
      } catch (error) {
        onError(error);
      }
    }
    return next;
  };
}

function valuesOf<S>({ numbers }: Family<S>): Values<S> {
  return typeof numbers === "function" ? numbers : numbers.each;
}

function headOf<S>({ name, help, type }: Family<S>, format: ExpositionFormat) {
  if (format === "prometheus") {
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }
  // Its counters are called by what stands before "_total", and none by anything else.
  const isTotal = name.endsWith("_total");
  const title = type === "counter" && isTotal ? name.slice(0, -6) : name;
  const told = type === "counter" && !isTotal ? "unknown" : type;
  return `# HELP ${title} ${help}\n# TYPE ${title} ${told}\n`;
}
