import type { ExpositionFormat } from "../model/scrape.ts";
import type { Emit, Family } from "./family.ts";

/** Families, and whose numbers they tell. */
export interface Section<S> {
  readonly families: readonly Family<S>[];
  readonly subjects: readonly S[];
  /** Labels that all series of a subject have, as text. */
  labelsOf(subject: S): string;
}

/** How a text is written. */
export interface ExpositionOptions {
  readonly format: ExpositionFormat;
  /** The only families that are wanted, by name; empty for all. */
  readonly names: ReadonlySet<string>;
  /** Told of a subject whose numbers fail; the others are told all the same. */
  readonly onError: (error: unknown) => void;
}

/** Some 20 µs of work: who takes pieces may pause between any two. */
const PIECE_LENGTH = 8 * 1024;

/**
 * The numbers of the sections as text, in pieces, a family after the other:
 * that is how the format wants them. There are no timestamps.
 */
export function* expositionText(
  sections: readonly Section<never>[],
  options: ExpositionOptions,
): Generator<string> {
  for (const section of sections) yield* sectionText(section, options);
  if (options.format === "openmetrics") yield "# EOF\n";
}

/** Hides what the subjects are, so that sections of several kinds fit one list. */
export function section<S>(of: Section<S>): Section<never> {
  return of as unknown as Section<never>;
}

/** The beginnings of a subject's series, made once. */
interface Subject<S> {
  readonly subject: S;
  /** Before the value where there are no labels beside the subject's. */
  readonly bare: string;
  /** Before such labels. */
  readonly open: string;
}

function* sectionText<S>(
  { families, subjects, labelsOf }: Section<S>,
  options: ExpositionOptions,
): Generator<string> {
  const { names, onError } = options;
  const prefixed = subjects.map((subject): Subject<S> => {
    const labels = labelsOf(subject);
    return labels === ""
      ? { subject, bare: " ", open: "{" }
      : { subject, bare: `{${labels}} `, open: `{${labels},` };
  });
  for (const family of families) {
    if (names.size > 0 && !names.has(family.name)) continue;
    const head = headOf(family, options.format);
    let text = head;
    let bare = "";
    let open = "";
    const emit: Emit = (value, labels = "", suffix = "") => {
      if (value === undefined || Number.isNaN(value)) return;
      text += family.name + suffix +
        (labels === "" ? bare : `${open}${labels}} `) + numberText(value);
    };
    for (const subject of prefixed) {
      ({ bare, open } = subject);
      try {
        family.values(subject.subject, emit);
      } catch (error) {
        onError(error);
      }
      if (text.length < PIECE_LENGTH) continue;
      yield text;
      text = "";
    }
    if (text !== head) yield text;
  }
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

/** The shortest text that is read as the same number of 64 bits. */
function numberText(value: number): string {
  if (value === Infinity) return "+Inf\n";
  if (value === -Infinity) return "-Inf\n";
  return `${value}\n`;
}
