import type { ExpositionFormat } from "../model/scrape.ts";
import type { ConditionalValues, Emit, Family, Values } from "./family.ts";
import { LineWriter } from "./line_writer.ts";
import type { ExpositionCache } from "./exposition_cache.ts";

/** Families and subjects, such as containers. */
export interface Section<S> {
  readonly families: readonly Family<S>[];
  readonly subjects: readonly S[];
  /** Labels of all series. */
  labelsOf(subject: S): string;
  /** Last exposition, to speed up the next. @default none */
  readonly cache?: ExpositionCache<S>;
  /** Whether a subject is unchanged since then. @default always changed */
  isUnchanged?(before: S, now: S): boolean;
}

export interface ExpositionOptions {
  readonly format: ExpositionFormat;
  /** Empty for all. */
  readonly names: ReadonlySet<string>;
  /** Called if a subject fails; others are still written. */
  readonly onError: (error: unknown) => void;
}

/** Yields chunks, family by family, without timestamps. */
export function* expositionText(
  sections: readonly Section<never>[],
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const section of sections) yield* sectionText(section, options);
  if (options.format === "openmetrics") yield EOF;
}

const EOF = new TextEncoder().encode("# EOF\n");

/** Hides the subject type, for a list of sections. */
export function section<S>(of: Section<S>): Section<never> {
  return of as unknown as Section<never>;
}

function* sectionText<S>(
  { families, subjects, labelsOf, cache, isUnchanged }: Section<S>,
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  const { names } = options;
  const isComplete = names.size === 0;
  const cached = (isComplete ? cache : undefined)?.take();
  const lines = new LineWriter(
    subjects.map(labelsOf),
    cached?.next,
    cached?.before,
  );
  const isUnchangedAt = subjects.map((subject, at) => {
    const before = cached?.subjects[lines.previousIndex(at)];
    return before !== undefined && isUnchanged?.(before, subject) === true;
  });
  const all = [...subjects.keys()];
  const having = new Map<ConditionalValues<S>["has"], readonly number[]>();
  for (const family of families) {
    if (!isComplete && !names.has(family.name)) continue;
    lines.family(family.name);
    const write = writerOf(family, {
      subjects,
      isUnchangedAt,
      lines,
      ...options,
    });
    let indexes: readonly number[] = all;
    if ("has" in family.values) {
      const { has } = family.values;
      indexes = having.get(has) ?? all.filter((at) => has(subjects[at] as S));
      having.set(has, indexes);
    }
    for (let next = 0; next < indexes.length;) {
      next = write(indexes, next);
      if (lines.isFull) yield lines.take();
    }
    lines.endFamily();
  }
  yield lines.take();
  if (cached !== undefined) cache?.keep(subjects, cached);
}

interface WriterInput<S> extends Pick<ExpositionOptions, "format" | "onError"> {
  readonly subjects: readonly S[];
  /** Since the last exposition. */
  readonly isUnchangedAt: readonly boolean[];
  readonly lines: LineWriter;
}

/**
 * Returns a function that writes a family's subjects from an index until a
 * chunk is full, and returns the next index. V8 optimizes loops of generators
 * poorly.
 */
function writerOf<S>(
  family: Family<S>,
  { subjects, isUnchangedAt, lines, format, onError }: WriterInput<S>,
): (indexes: readonly number[], next: number) => number {
  let hasHead = false;
  const begin = () => {
    if (!hasHead) lines.putText(headOf(family, format));
    hasHead = true;
  };
  const emit: Emit = (value, labels = "", suffix = "") => {
    if (value === undefined || Number.isNaN(value)) return;
    begin();
    lines.line(value, labels, suffix);
  };
  const emitValues = valuesOf(family);
  const { isVolatile = false } = family;
  return (indexes, first) => {
    let next = first;
    while (next < indexes.length && !lines.isFull) {
      const at = indexes[next++] as number;
      lines.subject(at);
      if (isUnchangedAt[at] && !isVolatile) {
        if (lines.hasPrevious) {
          begin();
          lines.repeat();
        }
        continue;
      }
      try {
        emitValues(subjects[at] as S, emit);
      } catch (error) {
        onError(error);
      }
    }
    return next;
  };
}

function valuesOf<S>({ values }: Family<S>): Values<S> {
  return typeof values === "function" ? values : values.each;
}

function headOf<S>({ name, help, type }: Family<S>, format: ExpositionFormat) {
  if (format === "prometheus") {
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }
  // OpenMetrics: counters end in "_total", their families are named without it.
  const isTotal = name.endsWith("_total");
  const title = type === "counter" && isTotal ? name.slice(0, -6) : name;
  const openType = type === "counter" && !isTotal ? "unknown" : type;
  return `# HELP ${title} ${help}\n# TYPE ${title} ${openType}\n`;
}
