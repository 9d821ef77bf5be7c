import { messageOf } from "../model/errors.ts";

/** So many are kept in mind; how many more there are is not known. */
const MAX_KEPT = 1_000;

/** What of the cgroups cannot be looked at now: directories, and listings of them. */
export class ListFailures {
  /** By path; that of a listing ends with a slash. */
  readonly #failures = new Map<string, string>();

  /** Whether all can be looked at. */
  get isEmpty(): boolean {
    return this.#failures.size === 0;
  }

  /** Whether a directory cannot be looked at. */
  has(path: string): boolean {
    return this.#failures.has(path);
  }

  /** The first of them and how many there are; undefined where there is none. */
  get text(): string | undefined {
    const { size } = this.#failures;
    for (const [path, reason] of this.#failures) {
      const more = size === 1
        ? ""
        : `, nor at ${size - 1}${size < MAX_KEPT ? "" : " or"} more`;
      return `cannot look at "${path}"${more}: ${reason}`;
    }
    return undefined;
  }

  /** A directory cannot be looked at. */
  begin(path: string, error: unknown): void {
    if (this.#failures.size >= MAX_KEPT) return;
    this.#failures.set(path, messageOf(error));
  }

  /** It can be, or is gone. */
  end(path: string, isGone: boolean): void {
    if (this.isEmpty) return;
    this.#failures.delete(path);
    if (isGone) this.endListing(path, []);
  }

  /** What is in a directory cannot be read. */
  beginListing(path: string, error: unknown): void {
    this.begin(`${path}/`, error);
  }

  /** It can be, or is gone; what was in it and is no more is forgotten. */
  endListing(path: string, names: readonly string[]): void {
    if (this.isEmpty) return;
    const above = `${path}/`;
    const there = new Set(names);
    for (const failed of this.#failures.keys()) {
      if (!failed.startsWith(above)) continue;
      const [name = ""] = failed.slice(above.length).split("/", 1);
      if (!there.has(name)) this.#failures.delete(failed);
    }
  }
}
