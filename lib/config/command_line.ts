import { IGNORED_FLAGS } from "./cadvisor_flags.ts";
import { type Flag, type FlagName, FLAGS, type FlagVerb } from "./flags.ts";
import { VERBS } from "./verbs.ts";

/** Invalid command line, environment or configuration file; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A parsed command line. Flag values are strings that are not validated. */
export interface CommandLine {
  /** `serve` without a verb. */
  readonly verb: FlagVerb;
  /** A container, or the verb to show help for. */
  readonly argument?: string;
  /** Values of each flag, in the order given. */
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
 * argument. If the value is optional, as for a bool, the next argument is used
 * only if it is one of the choices.
 *
 * @throws {UsageError} if the verb or a flag is unknown, a flag has no value or
 *   does not belong to the verb, or there are too many arguments
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
    const flag = findFlag(name) ?? unknownFlag(arg, name);
    const implicit = flag.implicitValue ??
      (flag.kind === "bool" ? "true" : undefined);
    const text = value ??
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

/** Returns the flag with a name (with `-`, not `_`) or a one-letter short name. */
export function findFlag(name: string): KnownFlag | undefined {
  const known: readonly KnownFlag[] = FLAGS;
  return known.find((flag) => flag.name === name || flag.short === name);
}

/** Returns the verbs that accept a flag. */
export function verbsOf(flag: Flag): readonly FlagVerb[] {
  return flag.verbs ?? ["serve"];
}

function parsePositionals(
  positionals: readonly string[],
  requested: "help" | "version" | undefined,
  given: readonly FlagName[],
): { verb: FlagVerb; argument?: string } {
  const [verb = "serve", argument, extra] = positionals;
  const known = VERBS.find(({ name }) => name === verb);
  if (known === undefined) {
    const names = VERBS.map(({ name }) => name);
    throw new UsageError(
      `Unknown verb "${verb}": expected one of ${names.join(", ")}`,
    );
  }
  if (requested === "help" && verb !== "help") {
    return {
      verb: "help",
      ...(positionals.length > 0 && { argument: known.name }),
    };
  }
  if (requested === "version") return { verb: "version" };
  const unexpected = known.argument === undefined ? argument : extra;
  if (unexpected !== undefined) {
    throw new UsageError(
      `Unexpected argument "${unexpected}" after "${
        positionals.at(positionals.indexOf(unexpected) - 1)
      }"`,
    );
  }
  const invalid = given.map(findFlag).find((flag) =>
    flag !== undefined && !verbsOf(flag).includes(known.name)
  );
  if (invalid !== undefined) {
    throw new UsageError(
      `Cannot use flag --${invalid.name} with "${known.name}": expected verb "${
        verbsOf(invalid).join('" or "')
      }"`,
    );
  }
  return { verb: known.name, ...(argument !== undefined && { argument }) };
}

function unknownFlag(arg: string, name: string): never {
  throw new UsageError(
    `Unknown flag "${arg.split("=")[0]}": the nearest known one is --${
      nearestFlag(name)
    }`,
  );
}

/** Returns the name of the flag that is most similar to an unknown name. */
export function nearestFlag(name: string): string {
  return nearest(name, [
    ...FLAGS.map((known) => known.name),
    "help",
    "version",
  ]);
}

/** Removes and returns the next argument. @throws {UsageError} if it is a flag or missing */
function takeValue(flag: string, example: string, rest: string[]): string {
  const next = rest[0];
  // A single dash is a value (stdout), not a flag.
  if (next === undefined || FLAG_REGEXP.test(next)) {
    throw new UsageError(
      `Flag ${flag} needs a value, such as ${flag}=${example}`,
    );
  }
  rest.shift();
  return next;
}

/** Removes and returns the next argument if it is one of the choices. */
function takeChoice(flag: Flag, rest: string[]): string | undefined {
  const choices = flag.choices ?? ["true", "false"];
  return choices.includes(rest[0] ?? "") ? rest.shift() : undefined;
}

/** Returns the first known word with the smallest edit distance. */
function nearest(word: string, known: readonly string[]): string {
  const [first = ""] = known.map((other) => ({
    other,
    edits: editDistance(word, other),
  })).sort((a, b) => a.edits - b.edits).map(({ other }) => other);
  return first;
}

/** Returns the Levenshtein distance. */
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
