const MAX_NAMES = 3;

/** Collects the first names with an unknown name in them. */
export class SimilarNames {
  readonly #text: string;
  readonly #names = new Set<string>();

  constructor(text: string) {
    this.#text = text.toLowerCase();
  }

  visit(name: string): void {
    if (this.#names.size >= MAX_NAMES) return;
    if (name.toLowerCase().includes(this.#text)) this.#names.add(name);
  }

  /** For an error; `undefined` without similar names. */
  get hint(): string | undefined {
    return this.#names.size === 0
      ? undefined
      : `similar names are ${[...this.#names].join(", ")}`;
  }
}
