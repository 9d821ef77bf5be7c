import { type Flag, type FlagName, FLAGS } from "./flags.ts";

/** The command line or the environment says what cannot be: exit status 2. */
export class UsageError extends Error {
  /** Names the class. */
  override readonly name = "UsageError";
}

/** What can be done. */
export type Verb = "serve" | "version" | "help";

/** A command line taken apart; the values are still texts. */
export interface CommandLine {
  /** What to do; `serve` where nothing is said. */
  readonly verb: Verb;
  /** The texts given for each flag, in their order. */
  readonly flags: ReadonlyMap<FlagName, readonly string[]>;
}

const VERBS: readonly Verb[] = ["serve", "version", "help"];

/** Flags that are verbs, whatever else is said. */
const VERB_FLAGS: ReadonlyMap<string, Verb> = new Map([
  ["help", "help"],
  ["h", "help"],
  ["version", "version"],
]);

const FLAG_REGEXP = /^--?([a-zA-Z][^=]*)(?:=(.*))?$/s;

/**
 * Takes `[VERB] [FLAGS]` apart. `-flag`, `--flag`, `flag_name` and `flag-name`
 * are one; a value follows after `=` or as the next argument, but one that may
 * be left out, as that of a bool, only after `=`.
 *
 * @throws {UsageError} naming what is not known, with the nearest that is
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = new Map<FlagName, string[]>();
  const rest = [...args];
  let verb: Verb | undefined;
  let verbOfFlag: Verb | undefined;
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, spelling, value] = FLAG_REGEXP.exec(arg) ?? [];
    if (spelling === undefined) {
      verb = parseVerb(arg, verb);
      continue;
    }
    const name = spelling.replaceAll("_", "-");
    const asked = VERB_FLAGS.get(name);
    if (asked !== undefined) {
      verbOfFlag ??= asked;
      continue;
    }
    const flag = findFlag(name, arg);
    const alone = flag.alone ?? (flag.kind === "bool" ? "true" : undefined);
    const text = value ?? alone ?? nextValue(flag, rest);
    const texts = flags.get(flag.name);
    if (texts === undefined) flags.set(flag.name, [text]);
    else texts.push(text);
  }
  return { verb: verbOfFlag ?? verb ?? "serve", flags };
}

function parseVerb(text: string, before: Verb | undefined): Verb {
  if (before !== undefined) {
    throw new UsageError(`Unexpected argument "${text}" after "${before}"`);
  }
  const verb = VERBS.find((known) => known === text);
  if (verb !== undefined) return verb;
  throw new UsageError(
    `Unknown verb "${text}": known are ${VERBS.join(", ")}`,
  );
}

function findFlag(
  name: string,
  arg: string,
): Flag & { readonly name: FlagName } {
  const flag = FLAGS.find((known) => known.name === name);
  if (flag !== undefined) return flag;
  const names = [...FLAGS.map((known) => known.name), "help", "version"];
  throw new UsageError(
    `Unknown flag "${arg.split("=")[0]}": the nearest known one is --${
      nearest(name, names)
    }`,
  );
}

function nextValue(flag: Flag, rest: string[]): string {
  const next = rest[0];
  // A lone dash is no flag but a value: stdout.
  if (next === undefined || FLAG_REGEXP.test(next)) {
    throw new UsageError(
      `Flag --${flag.name} needs a value, such as --${flag.name}=${
        flag.value ?? flag.default ?? ""
      }`,
    );
  }
  rest.shift();
  return next;
}

/** Of some words the one that takes the fewest edits to make, the first of several. */
function nearest(word: string, known: readonly string[]): string {
  const [first = ""] = known.map((other) => ({
    other,
    edits: editDistance(word, other),
  })).sort((a, b) => a.edits - b.edits).map(({ other }) => other);
  return first;
}

/** How many letters must be put in, left out or changed to make one word of the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
