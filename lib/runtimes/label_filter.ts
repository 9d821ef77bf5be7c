/** Options. */
export interface LabelFilterOptions {
  /** A trailing `*` matches any suffix. */
  readonly allowed: readonly string[];
  /** @default false */
  readonly all?: boolean;
}

/** Maximum length of a runtime's string. */
export const MAX_TEXT_LENGTH = 4096;

const MAX_LABELS = 256;
/** Names and values; a quarter of Kubernetes' limit for annotations. */
const MAX_LABELS_LENGTH = 65_536;

/** Selects allowed labels while parsing: no other is stored. */
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

  /** Returns labels sorted by name; `undefined` if none is allowed. */
  select(labels: object): Record<string, string> | undefined {
    const selected: [string, string][] = [];
    let length = 0;
    for (const [name, value] of Object.entries(labels)) {
      const isSelected = typeof value === "string" &&
        name.length <= MAX_TEXT_LENGTH && value.length <= MAX_TEXT_LENGTH &&
        this.#isAllowed(name);
      if (!isSelected) continue;
      length += name.length + value.length;
      if (selected.length === MAX_LABELS || length > MAX_LABELS_LENGTH) break;
      selected.push([name, value]);
    }
    selected.sort(([a], [b]) => a < b ? -1 : 1);
    return selected.length === 0 ? undefined : Object.fromEntries(selected);
  }

  #isAllowed(name: string): boolean {
    return this.#all || this.#names.has(name) ||
      this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}
