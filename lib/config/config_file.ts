import { IGNORED_FLAGS } from "./cadvisor_flags.ts";
import { findFlag, nearestFlag, UsageError, verbsOf } from "./command_line.ts";
import type { FlagKind, FlagName } from "./flags.ts";
import { messageOf } from "../model/errors.ts";

/** Environment and files. */
export interface ConfigHost {
  readonly env: (name: string) => string | undefined;
  readonly readText: (path: string) => string;
}

/** For example `{"event-log":"…","listen":["…","…"],"max-streams":10}`. */
export interface ConfigFile {
  readonly path: string;
  /** As on the command line. */
  readonly values: ReadonlyMap<FlagName, readonly string[]>;
  readonly ignoredFlags: readonly string[];
}

const LISTS: readonly FlagKind[] = ["list", "addresses", "metrics"];
const NUMBERS: readonly FlagKind[] = ["int", "size"];

/**
 * Keys are flag names.
 *
 * @throws {UsageError} with the file, the key and the expected format
 */
export function readConfigFile(path: string, host: ConfigHost): ConfigFile {
  const fail = (reason: string, cause?: unknown): never => {
    throw new UsageError(`${path}: ${reason}`, { cause });
  };
  const values = new Map<FlagName, readonly string[]>();
  const ignoredFlags: string[] = [];
  for (const [key, value] of Object.entries(readObject(path, host, fail))) {
    const name = key.replaceAll("_", "-");
    if (IGNORED_FLAGS.has(name)) {
      ignoredFlags.push(key);
      continue;
    }
    const flag = findFlag(name);
    if (flag === undefined || flag.name !== name) {
      fail(`unknown key "${key}": the nearest flag is "${nearestFlag(name)}"`);
    } else if (
      !verbsOf(flag).includes("serve") || name === "config" ||
      name === "print-config"
    ) {
      fail(`flag "${key}" cannot be set in a file`);
    } else if (values.has(flag.name)) {
      fail(`duplicate key "${key}"`);
    } else {
      values.set(
        flag.name,
        stringsOf(value, flag.kind) ??
          fail(
            `"${key}": invalid value ${JSON.stringify(value)}, expected ${
              expectedType(flag.kind)
            }`,
          ),
      );
    }
  }
  return { path, values, ignoredFlags };
}

function readObject(
  path: string,
  { readText }: ConfigHost,
  fail: (reason: string, cause?: unknown) => never,
): object {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    return fail(`cannot read the file: ${messageOf(error)}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`invalid JSON: ${messageOf(error)}`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value;
  }
  return fail('not a JSON object, expected for example {"max-streams":10}');
}

function stringsOf(value: unknown, kind: FlagKind): string[] | undefined {
  if (typeof value === "string") return [value];
  if (kind === "bool" && typeof value === "boolean") return [`${value}`];
  if (NUMBERS.includes(kind) && typeof value === "number") return [`${value}`];
  const isList = LISTS.includes(kind) && Array.isArray(value) &&
    value.every((item) => typeof item === "string");
  return isList ? [...value] : undefined;
}

function expectedType(kind: FlagKind): string {
  if (kind === "bool") return "true or false";
  if (NUMBERS.includes(kind)) return "a number";
  return LISTS.includes(kind) ? "a string or an array of strings" : "a string";
}
