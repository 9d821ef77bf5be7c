import { IGNORED_FLAGS } from "./cadvisor_flags.ts";
import { type Flag, type FlagName, FLAGS, type FlagVerb } from "./flags.ts";
import { flagHint, VERB_SYNONYMS } from "./hints.ts";
import { VERBS } from "./verbs.ts";

/** Invalid command line, environment or configuration file; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A parsed command line; values are not validated. */
export interface CommandLine {
  /** `serve` by default. */
  readonly verb: FlagVerb;
  /** The verb's `argument` in `VERBS`: a container, or for `help` a verb. */
  readonly argument?: string;
  /** In the order given. */
  readonly flags: ReadonlyMap<FlagName, readonly string[]>;
  /** cAdvisor flags without effect, as given. */
  readonly ignoredFlags: readonly string[];
}

/** An entry of the flag table. */
export type KnownFlag = Flag & { readonly name: FlagName };

const FLAG_REGEXP = /^--?([a-zA-Z][^=]*)(?:=(.*))?$/s;

/**
 * Parses `[VERB] [ARGUMENT] [FLAGS]`. `-flag`, `--flag`, `flag_name` and
 * `flag-name` are equivalent; the value follows after `=` or as the next
 * argument. An optional value, such as a bool, is the next argument only if it is
 * one of the choices. `-ojson` is `-o json`.
 *
 * @throws {UsageError} if the verb or a flag is unknown (with a similar one), a
 *   flag lacks a value or belongs to other verbs, or there are too many
 *   arguments
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = new Map<FlagName, string[]>();
  const ignoredFlags: string[] = [];
  const positionals: string[] = [];
  const rest = [...args];
  let requested: "help" | "version" | undefined;
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, spelling, value] = FLAG_REGEXP.exec(arg) ?? [];
    if (spelling === undefined) {
      positionals.push(arg);
      continue;
    }
    const name = spelling.replaceAll("_", "-");
    if (name === "help" || name === "h" || name === "version") {
      requested ??= name === "version" ? "version" : "help";
      continue;
    }
    const ignored = IGNORED_FLAGS.get(name);
    if (ignored !== undefined) {
      ignoredFlags.push(arg.split("=")[0] ?? arg);
      if (value === undefined && !ignored.isBool) takeValue(arg, "VALUE", rest);
      continue;
    }
    const [short, attached] = splitShort(arg) ?? [];
    const flag = findFlag(name) ?? short ??
      unknownFlag(arg, name, verbOf(positionals, rest));
    const implicit = flag.implicitValue ??
      (flag.kind === "bool" ? "true" : undefined);
    const text = value ?? (flag === short ? attached : undefined) ??
      (implicit === undefined
        ? takeValue(`--${flag.name}`, flag.value ?? flag.default ?? "", rest)
        : takeChoice(flag, rest) ?? implicit);
    const values = flags.get(flag.name);
    if (values === undefined) flags.set(flag.name, [text]);
    else values.push(text);
  }
  return {
    ...parsePositionals(positionals, requested, [...flags.keys()]),
    flags,
    ignoredFlags,
  };
}

/** Finds a flag by name (with `-`, not `_`) or one letter. */
export function findFlag(name: string): KnownFlag | undefined {
  const known: readonly KnownFlag[] = FLAGS;
  return known.find((flag) => flag.name === name || flag.short === name);
}

/** Verbs that accept a flag. */
export function verbsOf(flag: Flag): readonly FlagVerb[] {
  return flag.verbs ?? ["serve"];
}

/** Splits, for example, `-ojson`. */
function splitShort(arg: string): readonly [KnownFlag, string] | undefined {
  const [, letter = "", value = ""] = /^-([a-z])(\w+)$/.exec(arg) ?? [];
  const flag = findFlag(letter);
  return flag?.choices?.includes(value) ? [flag, value] : undefined;
}

/** Returns the verb for the hint of an unknown flag; it may follow the flag. */
function verbOf(
  positionals: readonly string[],
  rest: readonly string[],
): FlagVerb {
  return positionals[0] === undefined
    ? VERBS.find(({ name }) => rest.includes(name))?.name ?? "serve"
    : knownVerb(positionals[0]);
}

/** @throws {UsageError} if there is no such verb */
export function knownVerb(word: string): FlagVerb {
  const verb = VERBS.find(({ name }) => name === word);
  if (verb !== undefined) return verb.name;
  const names = VERBS.map(({ name }) => name);
  const similar = VERB_SYNONYMS.get(word.toLowerCase()) ??
    nearest(word, names);
  const { name, help } = VERBS.find(({ name }) => name === similar) ?? {};
  throw new UsageError(
    name === undefined
      ? `Unknown verb "${word}": expected one of ${names.join(", ")}`
      : `Unknown verb "${word}": use cgwatch ${name} (${help})`,
  );
}

function parsePositionals(
  positionals: readonly string[],
  requested: "help" | "version" | undefined,
  given: readonly FlagName[],
): { verb: FlagVerb; argument?: string } {
  const [word = "serve", argument, extra] = positionals;
  const verb = knownVerb(word);
  if (requested === "help" && word !== "help") {
    return { verb: "help", ...(positionals.length > 0 && { argument: verb }) };
  }
  if (requested === "version") return { verb: "version" };
  const accepts = VERBS.find(({ name }) => name === verb)?.argument;
  const unexpected = accepts === undefined ? argument : extra;
  if (unexpected !== undefined) {
    throw new UsageError(
      `Unexpected argument "${unexpected}" after "${
        positionals.at(positionals.indexOf(unexpected) - 1)
      }"`,
    );
  }
  const invalid = given.map(findFlag).find((flag) =>
    flag !== undefined && !verbsOf(flag).includes(verb)
  );
  if (invalid !== undefined) {
    const hint = flagHint(verb, invalid.name) ??
      `expected verb "${verbsOf(invalid).join('" or "')}"`;
    throw new UsageError(
      `Cannot use flag --${invalid.name} with "${verb}": ${hint}`,
    );
  }
  return { verb, ...(argument !== undefined && { argument }) };
}

function unknownFlag(arg: string, name: string, verb: FlagVerb): never {
  // Reversed: in a tie, the verb's own flags precede the connection flags, with
  // which the table starts.
  const own = (FLAGS as readonly KnownFlag[]).filter((flag) =>
    verbsOf(flag).includes(verb)
  ).map((flag) => flag.name).toReversed();
  const similar = verb === "serve"
    ? nearestFlag(name)
    : nearest(name, [...own, "help", "version"]);
  // `-n20` has the hint of `-n`.
  const hint = flagHint(verb, name.replace(/^([a-z])\d+$/, "$1")) ??
    (similar === undefined
      ? `the flags of ${verb} are --${own.join(", --")}`
      : `the nearest known one is --${similar}`);
  throw new UsageError(`Unknown flag "${arg.split("=")[0]}": ${hint}`);
}

/** Returns the most similar flag. */
export function nearestFlag(name: string): string {
  const known = FLAGS.map((flag) => flag.name);
  return nearest(name, [...known, "help", "version"], Infinity) ?? "help";
}

/**
 * Removes and returns the next argument. @throws {UsageError} if it is a flag
 * or missing
 */
function takeValue(flag: string, example: string, rest: string[]): string {
  const next = rest[0];
  // A single dash is a value (stdout).
  if (next === undefined || FLAG_REGEXP.test(next)) {
    throw new UsageError(
      `Flag ${flag} needs a value, such as ${flag}=${example}`,
    );
  }
  rest.shift();
  return next;
}

/** Removes and returns the next argument if it is a choice. */
function takeChoice(flag: Flag, rest: string[]): string | undefined {
  const choices = flag.choices ?? ["true", "false"];
  return choices.includes(rest[0] ?? "") ? rest.shift() : undefined;
}

/**
 * Returns the first word with the smallest edit distance up to a limit. More
 * than one edit of three characters turns a short word into any other.
 */
function nearest(
  word: string,
  known: readonly string[],
  limit: number = Math.min(3, Math.floor(word.length / 3)),
): string | undefined {
  return known.map((other) => ({ other, edits: editDistance(word, other) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits)[0]?.other;
}

/** Levenshtein distance, with two exchanged neighbors as one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const isExchanged = i > 0 && j > 0 && a[i] === b[j - 1] &&
        a[i - 1] === b[j];
      next.push(Math.min(
        change,
        (row[j + 1] ?? 0) + 1,
        (next[j] ?? 0) + 1,
        isExchanged ? (before[j - 1] ?? 0) + 1 : Infinity,
      ));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
