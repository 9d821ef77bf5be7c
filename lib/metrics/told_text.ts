/** A place in a text is the number of its piece times this, and the place in the piece. */
export const PIECE_STEP = 2 ** 24;
/** More pieces than these have no places; with 256 KB each they are 64 MB. */
const MAX_PIECES = 2 ** 8;
const FIRST_LINES = 1024;

/** A text as it was told, and where its lines are. */
export class ToldText {
  readonly pieces: Uint8Array<ArrayBuffer>[] = [];
  /** How many lines there are. */
  lines = 0;
  /** Of each line: where it begins, where its value begins, and where it ends. */
  starts = new Uint32Array(FIRST_LINES);
  valueStarts = new Uint32Array(FIRST_LINES);
  ends = new Uint32Array(FIRST_LINES);
  /** Of each line: its value, and what is its own in its name and labels. */
  values = new Float64Array(FIRST_LINES);
  readonly own: string[] = [];
  /** The first line of each subject of each family, and the end of the last. */
  readonly groups: number[] = [];
  /** The place of each subject, by its labels. */
  readonly subjects = new Map<string, number>();

  /** Begins anew with these subjects, in the same memory. */
  begin(subjects: readonly string[]): void {
    this.pieces.length = 0;
    this.lines = 0;
    this.groups.length = 0;
    this.subjects.clear();
    for (const [at, labels] of subjects.entries()) {
      this.subjects.set(labels, at);
    }
  }

  /** Whether each place in it has a number. */
  get isPlaced(): boolean {
    return this.pieces.length <= MAX_PIECES &&
      this.pieces.every(({ length }) => length < PIECE_STEP);
  }

  /** Makes room for a line more. */
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

/** What a {@linkcode TextMemory} gives. */
export interface Remembered<S> {
  readonly before: ToldText | undefined;
  /** What that told of. */
  readonly subjects: readonly S[];
  /** Where to put what comes next. */
  readonly next: ToldText;
}

/** Keeps what was told last, for who tells the same again. */
export class TextMemory<S> {
  #told: ToldText | undefined;
  #subjects: readonly S[] = [];
  #spare: ToldText | undefined;

  /** Gives what is kept, to one at a time. */
  take(): Remembered<S> {
    const taken = {
      before: this.#told,
      subjects: this.#subjects,
      next: this.#spare ?? new ToldText(),
    };
    this.#told = this.#spare = undefined;
    this.#subjects = [];
    return taken;
  }

  /** Keeps for the next what was told of these, in the place of what was taken. */
  keep(subjects: readonly S[], { next, before }: Remembered<S>): void {
    before?.begin([]);
    this.#spare = before;
    this.#told = next.isPlaced ? next : undefined;
    this.#subjects = subjects;
  }
}
