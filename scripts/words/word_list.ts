import type { Passage, PassageKind } from "./passages.ts";

/** A pattern of words to avoid. */
export interface WordRule {
  readonly pattern: RegExp;
  /** Words to write instead. */
  readonly replacement: string;
  readonly kinds: ReadonlySet<PassageKind>;
}

/** An occurrence. */
export interface Hit {
  readonly passage: Passage;
  readonly found: string;
  readonly replacement: string;
}

/**
 * Parses lines of `PATTERN<TAB>REPLACEMENT<TAB>KIND,…`. `^` in a pattern is the
 * start of a paragraph; `#` starts a comment line.
 *
 * @throws {Error} for a line without three columns, or an invalid pattern
 */
export function parseWordList(list: string): WordRule[] {
  return list.split("\n").filter((line) => line !== "" && line[0] !== "#")
    .map((line) => {
      const [pattern = "", replacement, kinds] = line.split("\t");
      if (replacement === undefined || kinds === undefined) {
        throw new Error(
          `Cannot read word list line "${line}": expected three columns`,
        );
      }
      return {
        pattern: new RegExp(pattern, "gim"),
        replacement,
        kinds: new Set(kinds.split(",") as PassageKind[]),
      };
    });
}

/** Returns hits in the order of the passages. */
export function hitsOf(
  passages: readonly Passage[],
  rules: readonly WordRule[],
): Hit[] {
  return passages.flatMap((passage) =>
    rules.filter(({ kinds }) => kinds.has(passage.kind))
      .flatMap(({ pattern, replacement }) =>
        [...passage.text.matchAll(pattern)].map(([found]) => ({
          passage,
          found: found.trim(),
          replacement,
        }))
      )
  );
}
