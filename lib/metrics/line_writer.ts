import { ByteText } from "./byte_text.ts";
import { CHUNK_STEP, RenderedExposition } from "./exposition_cache.ts";

/** Chunks have a fixed cost in the connection. */
const CHUNK_BYTES = 256 * 1024;
/**
 * Chunks end after a complete subject, and may exceed their size by this much.
 */
const SPARE_BYTES = 8 * 1024;

const encoder = new TextEncoder();
const NEWLINE = 0x0a;
const CLOSE = encoder.encode("} ");
const NONE: Uint8Array = new Uint8Array();

/**
 * Writes metric lines by family and subject. Most are copied from the last
 * exposition, many at a time; if only the value changed, name and labels are
 * copied.
 */
export class LineWriter {
  readonly #next: RenderedExposition;
  readonly #before: RenderedExposition | undefined;
  readonly #text: ByteText;
  readonly #subjects: readonly string[];
  /** In the last exposition, or −1. */
  readonly #previousIndexes: readonly number[];
  readonly #bare: (Uint8Array | undefined)[] = [];
  readonly #open: (Uint8Array | undefined)[] = [];
  #family = -1;
  #name = NONE;
  #subject = 0;
  /** Remaining lines of the subject in the last exposition. */
  #old = 0;
  #oldEnd = 0;
  /** Range of the last exposition to copy next. */
  #copyStart = 0;
  #copyEnd = 0;
  /** In steps of {@linkcode CHUNK_STEP}. */
  #chunkOffset = 0;

  /** `subjects` are labels; `next` records the exposition. */
  constructor(
    subjects: readonly string[],
    next: RenderedExposition = new RenderedExposition(),
    before?: RenderedExposition,
  ) {
    this.#next = next;
    this.#before = before;
    this.#subjects = subjects;
    this.#previousIndexes = subjects.map((labels) =>
      before?.subjects.get(labels) ?? -1
    );
    const bytes = SPARE_BYTES * (1 + subjects.length);
    this.#text = new ByteText(Math.min(bytes, CHUNK_BYTES + SPARE_BYTES));
    next.begin(subjects);
  }

  family(name: string): void {
    this.#family++;
    this.#name = encoder.encode(name);
  }

  previousIndex(at: number): number {
    return this.#previousIndexes[at] ?? -1;
  }

  /** Starts a subject; skipped ones have no lines. */
  subject(at: number): void {
    this.#subject = at;
    this.#passTo(at);
    const place = this.#previousIndexes[at] ?? -1;
    const before = this.#before;
    if (before === undefined || place < 0) {
      this.#old = this.#oldEnd = 0;
      return;
    }
    const group = this.#family * (before.subjects.size + 1) + place;
    this.#old = before.groups[group] ?? 0;
    this.#oldEnd = before.groups[group + 1] ?? 0;
  }

  endFamily(): void {
    this.#passTo(this.#subjects.length);
  }

  /** First line of each subject up to `at`. */
  #passTo(at: number): void {
    const { groups, lines } = this.#next;
    const next = this.#family * (this.#subjects.length + 1) + at + 1;
    while (groups.length < next) groups.push(lines);
  }

  putText(text: string): void {
    this.#copy();
    this.#text.putText(text);
  }

  /** Whether the last exposition had lines of this subject and family. */
  get hasPrevious(): boolean {
    return this.#old < this.#oldEnd;
  }

  /** Copies the subject's lines of the last exposition. */
  repeat(): void {
    const next = this.#next;
    const before = this.#before;
    if (before === undefined) return;
    const first = this.#old;
    const end = this.#oldEnd;
    const from = before.starts[first] ?? 0;
    const moved = this.#offset() - from;
    for (let old = first; old < end; old++) {
      const line = next.lines++;
      if (line === next.values.length) next.grow();
      next.starts[line] = (before.starts[old] ?? 0) + moved;
      next.valueStarts[line] = (before.valueStarts[old] ?? 0) + moved;
      next.ends[line] = (before.ends[old] ?? 0) + moved;
      next.values[line] = before.values[old] ?? NaN;
      next.own[line] = before.own[old] ?? "";
    }
    this.#add(from, before.ends[end - 1] ?? 0);
  }

  /** `labels` are those beyond the subject's. */
  line(value: number, labels: string, suffix: string): void {
    const next = this.#next;
    const before = this.#before;
    const own = suffix === "" ? labels : `${suffix}{${labels}`;
    const start = this.#offset();
    const old = this.#old++;
    const line = next.lines++;
    if (line === next.values.length) next.grow();
    next.starts[line] = start;
    next.values[line] = value;
    next.own[line] = own;
    if (
      before !== undefined && old < this.#oldEnd && before.own[old] === own
    ) {
      const from = before.starts[old] ?? 0;
      const valueFrom = before.valueStarts[old] ?? 0;
      next.valueStarts[line] = start + valueFrom - from;
      if (before.values[old] === value) {
        const end = before.ends[old] ?? 0;
        this.#add(from, end);
        next.ends[line] = start + end - from;
        return;
      }
      this.#add(from, valueFrom);
      this.#copy();
    } else {
      this.#copy();
      this.#putHead(labels, suffix);
      next.valueStarts[line] = this.#offset();
    }
    this.#putValue(value);
    next.ends[line] = this.#offset();
  }

  get isFull(): boolean {
    const copied = this.#copyEnd - this.#copyStart;
    return this.#text.length + copied >= CHUNK_BYTES;
  }

  take(): Uint8Array<ArrayBuffer> {
    this.#copy();
    const chunk = this.#text.take();
    this.#next.chunks.push(chunk);
    this.#chunkOffset += CHUNK_STEP;
    return chunk;
  }

  #offset(): number {
    return this.#chunkOffset + this.#text.length + this.#copyEnd -
      this.#copyStart;
  }

  /** Joins adjacent ranges. */
  #add(start: number, end: number): void {
    if (start !== this.#copyEnd) {
      this.#copy();
      this.#copyStart = start;
    }
    this.#copyEnd = end;
  }

  #copy(): void {
    const length = this.#copyEnd - this.#copyStart;
    if (length > 0) {
      const at = Math.floor(this.#copyStart / CHUNK_STEP);
      const from = this.#copyStart % CHUNK_STEP;
      const chunk = this.#before?.chunks[at];
      if (chunk !== undefined) {
        this.#text.put(chunk.subarray(from, from + length));
      }
    }
    this.#copyStart = this.#copyEnd = 0;
  }

  #putHead(labels: string, suffix: string): void {
    const text = this.#text;
    const at = this.#subject;
    const subject = this.#subjects[at] ?? "";
    text.put(this.#name);
    if (suffix !== "") text.putText(suffix);
    if (labels === "") {
      text.put(
        this.#bare[at] ??= encoder.encode(subject && `{${subject}}`),
      );
      text.putText(" ");
      return;
    }
    text.put(
      this.#open[at] ??= encoder.encode(subject === "" ? "{" : `{${subject},`),
    );
    text.putText(labels);
    text.put(CLOSE);
  }

  #putValue(value: number): void {
    const text = this.#text;
    if (Math.abs(value) === Infinity) text.putText(value > 0 ? "+Inf" : "-Inf");
    else text.putNumber(value);
    text.putByte(NEWLINE);
  }
}
