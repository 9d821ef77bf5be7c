/** An offset is the chunk's index times this, plus that in the chunk. */
export const CHUNK_STEP = 2 ** 24;
/** 64 MB of 256 KB chunks; larger expositions are not cached. */
const MAX_CHUNKS = 2 ** 8;
const FIRST_LINES = 1024;

/** A written exposition, indexed by line. */
export class RenderedExposition {
  readonly chunks: Uint8Array<ArrayBuffer>[] = [];
  lines = 0;
  /** Offsets of each line. */
  starts = new Uint32Array(FIRST_LINES);
  valueStarts = new Uint32Array(FIRST_LINES);
  ends = new Uint32Array(FIRST_LINES);
  /** By line; `own` is suffix and labels beyond the subject's. */
  values = new Float64Array(FIRST_LINES);
  readonly own: string[] = [];
  /** First line by family and subject, and the last's end. */
  readonly groups: number[] = [];
  /** Index by labels. */
  readonly subjects = new Map<string, number>();

  /** Reuses the buffers. */
  begin(subjects: readonly string[]): void {
    this.chunks.length = 0;
    this.lines = 0;
    this.groups.length = 0;
    this.subjects.clear();
    for (const [at, labels] of subjects.entries()) {
      this.subjects.set(labels, at);
    }
  }

  /** All offsets fit. */
  get isAddressable(): boolean {
    return this.chunks.length <= MAX_CHUNKS &&
      this.chunks.every(({ length }) => length < CHUNK_STEP);
  }

  grow(): void {
    const length = 2 * this.values.length;
    this.starts = enlarged(this.starts, new Uint32Array(length));
    this.valueStarts = enlarged(this.valueStarts, new Uint32Array(length));
    this.ends = enlarged(this.ends, new Uint32Array(length));
    this.values = enlarged(this.values, new Float64Array(length));
  }
}

function enlarged<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

export interface CachedExposition<S> {
  readonly before: RenderedExposition | undefined;
  /** Subjects of `before`. */
  readonly subjects: readonly S[];
  /** For the next exposition. */
  readonly next: RenderedExposition;
}

/** Last exposition of a section. */
export class ExpositionCache<S> {
  #last: RenderedExposition | undefined;
  #subjects: readonly S[] = [];
  #spare: RenderedExposition | undefined;

  /** Takes the content; concurrent callers receive nothing. */
  take(): CachedExposition<S> {
    const taken = {
      before: this.#last,
      subjects: this.#subjects,
      next: this.#spare ?? new RenderedExposition(),
    };
    this.#last = this.#spare = undefined;
    this.#subjects = [];
    return taken;
  }

  /** Stores an exposition, and reuses the buffers of the last. */
  keep(subjects: readonly S[], { next, before }: CachedExposition<S>): void {
    before?.begin([]);
    this.#spare = before;
    this.#last = next.isAddressable ? next : undefined;
    this.#subjects = subjects;
  }
}
