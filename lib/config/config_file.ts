import { PASSED_OVER_FLAGS } from "./cadvisor_flags.ts";
import { knownFlag, nearestFlag, UsageError, verbsOf } from "./command_line.ts";
import type { FlagKind, FlagName } from "./flags.ts";
import { messageOf } from "../model/errors.ts";

/** Sources of configuration other than the command line. */
export interface ConfigHost {
  /** Returns the value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Returns the text of a file. */
  readonly readText: (path: string) => string;
}

/** A configuration file: `{"event-log":"…","listen":["…","…"],"max-streams":10}`. */
export interface ConfigFile {
  readonly path: string;
  /** Values as strings, as on the command line. */
  readonly texts: ReadonlyMap<FlagName, readonly string[]>;
  /** Keys that are ignored cAdvisor flags. */
  readonly passedOver: readonly string[];
}

const LISTS: readonly FlagKind[] = ["list", "addresses", "metrics"];
const NUMBERS: readonly FlagKind[] = ["int", "size"];

/**
 * Reads a configuration file, whose keys are flag names.
 *
 * @throws {UsageError} with the file, the key and the expected format
 */
export function readConfigFile(path: string, host: ConfigHost): ConfigFile {
  const refuse = (why: string, cause?: unknown): never => {
    throw new UsageError(`${path}: ${why}`, { cause });
  };
  const texts = new Map<FlagName, readonly string[]>();
  const passedOver: string[] = [];
  for (const [key, value] of Object.entries(readObject(path, host, refuse))) {
    const name = key.replaceAll("_", "-");
    if (PASSED_OVER_FLAGS.has(name)) {
      passedOver.push(key);
      continue;
    }
    const flag = knownFlag(name);
    if (flag === undefined || flag.name !== name) {
      refuse(`"${key}" is no flag: the nearest is "${nearestFlag(name)}"`);
    } else if (
      !verbsOf(flag).includes("serve") || name === "config" ||
      name === "print-config"
    ) {
      refuse(`"${key}" is a flag that no file can set`);
    } else if (texts.has(flag.name)) {
      refuse(`"${key}" is there twice`);
    } else {
      texts.set(
        flag.name,
        textsOf(value, flag.kind) ??
          refuse(
            `"${key}": ${JSON.stringify(value)} is not ${formOf(flag.kind)}`,
          ),
      );
    }
  }
  return { path, texts, passedOver };
}

function readObject(
  path: string,
  { readText }: ConfigHost,
  refuse: (why: string, cause?: unknown) => never,
): object {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    return refuse(`Cannot read it: ${messageOf(error)}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`It is not JSON: ${messageOf(error)}`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value;
  }
  return refuse('It is not an object such as {"max-streams":10}');
}

function textsOf(value: unknown, kind: FlagKind): string[] | undefined {
  if (typeof value === "string") return [value];
  if (kind === "bool" && typeof value === "boolean") return [`${value}`];
  if (NUMBERS.includes(kind) && typeof value === "number") return [`${value}`];
  const isList = LISTS.includes(kind) && Array.isArray(value) &&
    value.every((item) => typeof item === "string");
  return isList ? [...value] : undefined;
}

function formOf(kind: FlagKind): string {
  if (kind === "bool") return "true or false";
  if (NUMBERS.includes(kind)) return "a number";
  return LISTS.includes(kind) ? "a text or an array of texts" : "a text";
}
