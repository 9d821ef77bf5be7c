import type { ExpositionFormat } from "../model/scrape.ts";
import { ByteText } from "./byte_text.ts";
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

/** Some millisecond of work: who takes pieces may pause between any two. Each costs its way to the client. */
const PIECE_BYTES = 256 * 1024;
/** A piece is not left before the subject is told whole. */
const SPARE_BYTES = 8 * 1024;

const encoder = new TextEncoder();
const NEWLINE = 0x0a;
const CLOSE = encoder.encode("} ");
const NONE: Uint8Array = new Uint8Array();

/**
 * The numbers of the sections as text, in pieces, a family after the other:
 * that is how the format wants them. There are no timestamps.
 */
export function* expositionText(
  sections: readonly Section<never>[],
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  const text = new ByteText(PIECE_BYTES + SPARE_BYTES);
  for (const section of sections) yield* sectionText(text, section, options);
  if (options.format === "openmetrics") text.putText("# EOF\n");
  yield text.take();
}

/** Hides what the subjects are, so that sections of several kinds fit one list. */
export function section<S>(of: Section<S>): Section<never> {
  return of as unknown as Section<never>;
}

interface Subject<S> {
  readonly subject: S;
  /** Before the value where there are no labels beside the subject's, such as `{id="/a"} `. */
  readonly bare: Uint8Array;
  /** Before such labels, such as `{id="/a",`. */
  readonly open: Uint8Array;
}

function* sectionText<S>(
  text: ByteText,
  { families, subjects, labelsOf }: Section<S>,
  options: ExpositionOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  const { names, onError } = options;
  const labelled = subjects.map((subject): Subject<S> => {
    const labels = labelsOf(subject);
    return {
      subject,
      bare: encoder.encode(labels === "" ? " " : `{${labels}} `),
      open: encoder.encode(labels === "" ? "{" : `{${labels},`),
    };
  });
  for (const family of families) {
    if (names.size > 0 && !names.has(family.name)) continue;
    const name = encoder.encode(family.name);
    let isTold = false;
    let bare = NONE;
    let open = NONE;
    const emit: Emit = (value, labels = "", suffix = "") => {
      if (value === undefined || Number.isNaN(value)) return;
      if (!isTold) text.putText(headOf(family, options.format));
      isTold = true;
      text.put(name);
      if (suffix !== "") text.putText(suffix);
      if (labels === "") text.put(bare);
      else {
        text.put(open);
        text.putText(labels);
        text.put(CLOSE);
      }
      if (Math.abs(value) === Infinity) {
        text.putText(value > 0 ? "+Inf" : "-Inf");
      } else text.putNumber(value);
      text.putByte(NEWLINE);
    };
    for (const subject of labelled) {
      ({ bare, open } = subject);
      try {
        family.values(subject.subject, emit);
      } catch (error) {
        onError(error);
      }
      if (text.length >= PIECE_BYTES) yield text.take();
    }
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
