/** Which labels of containers may be told. */
export interface LabelFilterOptions {
  /** Names; one that ends in `*` stands for all that begin so. */
  readonly allowed: readonly string[];
  /** All of them. @default false */
  readonly all?: boolean;
}

/** Longer texts of a runtime are not taken. */
export const MAX_TEXT_LENGTH = 4096;

const MAX_LABELS = 256;
/** Of all labels of a container, names and values; Kubernetes' own limit of annotations is four times as much. */
const MAX_LABELS_LENGTH = 65_536;

/**
 * Lets the allowed labels pass. It is asked where a runtime's answer is read,
 * so that no other label is ever kept.
 */
export class LabelFilter {
  readonly #all: boolean;
  readonly #names: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  constructor(options: LabelFilterOptions) {
    const { allowed, all = false } = options;
    this.#all = all;
    this.#names = new Set(allowed);
    this.#prefixes = allowed.filter((name) => name.endsWith("*"))
      .map((name) => name.slice(0, -1));
  }

  /** The labels of `labels` that may be told; undefined where there is none. */
  pass(labels: object): Record<string, string> | undefined {
    const passed: [string, string][] = [];
    let length = 0;
    for (const [name, value] of Object.entries(labels)) {
      const isTaken = typeof value === "string" &&
        name.length <= MAX_TEXT_LENGTH && value.length <= MAX_TEXT_LENGTH &&
        this.#isAllowed(name);
      if (!isTaken) continue;
      length += name.length + value.length;
      if (passed.length === MAX_LABELS || length > MAX_LABELS_LENGTH) break;
      passed.push([name, value]);
    }
    passed.sort(([a], [b]) => a < b ? -1 : 1);
    return passed.length === 0 ? undefined : Object.fromEntries(passed);
  }

  #isAllowed(name: string): boolean {
    return this.#all || this.#names.has(name) ||
      this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}
