import { NO_LIMIT_BYTES } from "../model/container.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { type AgentClient, namePath } from "./agent_client.ts";
import { findNamed, isUnknown } from "./list.ts";
import { readOomKills } from "./oom_kills.ts";
import { type Json, writeJson } from "./output.ts";
import {
  escapeControlCharacters,
  formatBytes,
  padEnd,
  truncateEnd,
  widthOf,
} from "../model/text.ts";
import type { Terminal } from "./terminal.ts";

/** Options of `inspect` and `machine`. */
export interface InspectOptions {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly client: AgentClient;
}

const BYTES_REGEXP =
  /(?:^|\.)(?:memory|spec\.memory|memory_capacity|swap_capacity)(?:\.|$)|_bytes$|\.capacity$/;
/** Memory fields that are counts. */
const COUNTS_REGEXP = /failcnt|pg\w+|psi|events|workingset|_data|numa/;
/** The maximum 64-bit number, as a double. */
const NO_LIMIT = 2 ** 64;

/** A time without value in cAdvisor's API. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** Accepts a cgroup or, without a leading slash, any name in `list`. */
export async function inspectContainer(
  name: string,
  options: InspectOptions,
): Promise<void> {
  const { client } = options;
  const body = { "num_stats": 1 };
  try {
    const path = `/api/v1.3/containers${namePath(name)}`;
    return await writeContainer(await client.text(path, body), options);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    const text = await client.text("/api/v1.3/subcontainers/", body);
    const found = findNamed(text, name);
    if (found.length > 1) {
      throw new Error(
        `Ambiguous name "${name}": expected one of ${
          found.map((info) => info.name).join(", ")
        }`,
      );
    }
    await writeContainer(JSON.stringify(found[0]), options);
  }
}

/** The table also has the OOM kills, as in `list`. */
async function writeContainer(
  text: string,
  options: InspectOptions,
): Promise<void> {
  if (options.values.choice("output") !== "table") return write(text, options);
  const { name }: Json = JSON.parse(text);
  const kills = await readOomKills(options.client, name);
  write(text, options, [["oom_kills", `${kills.get(name) ?? 0}`]]);
}

export async function writeMachine(options: InspectOptions): Promise<void> {
  write(await options.client.text("/api/v2.1/machine"), options);
}

function write(
  text: string,
  { values, terminal }: InspectOptions,
  more: readonly [string, string][] = [],
): void {
  const output = values.choice("output");
  if (output !== "table") return writeJson(terminal, output, text);
  const rows = [...leavesOf(JSON.parse(text), ""), ...more].map((row) =>
    row.map(escapeControlCharacters)
  );
  const width = Math.max(0, ...rows.map(([key = ""]) => widthOf(key))) + 2;
  const { columns = Infinity } = terminal;
  for (const [key = "", value = ""] of rows) {
    terminal.write(`${truncateEnd(padEnd(key, width) + value, columns)}\n`);
  }
}

/**
 * Yields values with their path, without absent ones. A list of primitives is
 * one value.
 */
function* leavesOf(value: Json, path: string): Generator<[string, string]> {
  if (value === null || value === undefined || value === ZERO_TIME) return;
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    if (value.length > 0) yield [path, value.join(" ")];
  } else if (Array.isArray(value) && value.length === 1) {
    yield* leavesOf(value[0], path);
  } else if (typeof value === "object") {
    for (const [key, item] of Object.entries(value)) {
      yield* leavesOf(item, path === "" ? key : `${path}.${key}`);
    }
  } else {
    yield [path, leafOf(path, value)];
  }
}

function leafOf(path: string, value: unknown): string {
  const isBytes = typeof value === "number" && BYTES_REGEXP.test(path) &&
    !COUNTS_REGEXP.test(path);
  if (!isBytes) return value === NO_LIMIT ? "max" : String(value);
  return value >= NO_LIMIT_BYTES ? "max" : `${value} (${formatBytes(value)})`;
}
