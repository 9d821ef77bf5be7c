import { messageOf } from "../model/errors.ts";

/** Further errors are not counted. */
const MAX_KEPT = 1_000;

/** Cgroup directories that cannot be read or listed now. */
export class ScanErrors {
  /** Keyed by path; that of a listing ends with a slash. */
  readonly #errors = new Map<string, string>();

  get isEmpty(): boolean {
    return this.#errors.size === 0;
  }

  has(path: string): boolean {
    return this.#errors.has(path);
  }

  /** The first error and the number of others; `undefined` without errors. */
  get text(): string | undefined {
    const { size } = this.#errors;
    for (const [path, reason] of this.#errors) {
      const more = size === 1
        ? ""
        : ` and ${size - 1}${size < MAX_KEPT ? "" : " or"} more`;
      return `cannot read "${path}"${more}: ${reason}`;
    }
    return undefined;
  }

  begin(path: string, error: unknown): void {
    if (this.#errors.size >= MAX_KEPT) return;
    this.#errors.set(path, messageOf(error));
  }

  /** The directory can be read again, or is gone. */
  end(path: string, isGone: boolean): void {
    if (this.isEmpty) return;
    this.#errors.delete(path);
    if (isGone) this.endListing(path, []);
  }

  beginListing(path: string, error: unknown): void {
    this.begin(`${path}/`, error);
  }

  /** Also removes the errors of children that no longer exist. */
  endListing(path: string, names: readonly string[]): void {
    if (this.isEmpty) return;
    const above = `${path}/`;
    const there = new Set(names);
    for (const failed of this.#errors.keys()) {
      if (!failed.startsWith(above)) continue;
      const [name = ""] = failed.slice(above.length).split("/", 1);
      if (!there.has(name)) this.#errors.delete(failed);
    }
  }
}
