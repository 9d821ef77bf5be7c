import type { FlagValues } from "../config/flag_values.ts";
import {
  AgentAnswerError,
  type AgentClient,
  namePath,
} from "./agent_client.ts";
import { type Json, writeJson } from "./output.ts";
import { cut, formatBytes, printed } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What `inspect` and `machine` need. */
export interface InspectOptions {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly client: AgentClient;
}

/** Names of fields that are bytes; of others nothing is said. */
const BYTES_REGEXP =
  /(?:^|\.)(?:memory|spec\.memory|memory_capacity|swap_capacity)(?:\.|$)|_bytes$|\.capacity$/;
/** Of memory, what is counted and not measured. */
const COUNTS_REGEXP = /failcnt|pg\w+|psi|events|workingset|_data|numa/;
const NO_LIMIT_BYTES = 2 ** 62;

/**
 * Tells all of one container: by the name of its cgroup, or else, without the
 * first slash, by one that a runtime gave it.
 */
export async function inspectContainer(
  name: string,
  options: InspectOptions,
): Promise<void> {
  const body = { "num_stats": 1 };
  const ask = (api: string) =>
    options.client.text(`/api/v1.3/${api}${namePath(name)}`, body);
  let text: string;
  try {
    text = await ask("containers");
  } catch (error) {
    const isAlias = error instanceof AgentAnswerError && error.status === 404 &&
      !name.startsWith("/");
    if (!isAlias) throw error;
    // The first answer says better what is not known.
    text = await ask("docker").catch(() => Promise.reject(error));
    const [only] = Object.values(JSON.parse(text));
    text = JSON.stringify(only);
  }
  tell(text, options);
}

/** Tells what machine the agent runs on. */
export async function tellMachine(options: InspectOptions): Promise<void> {
  tell(await options.client.text("/api/v2.1/machine"), options);
}

function tell(text: string, { values, terminal }: InspectOptions): void {
  const output = values.choice("output");
  if (output !== "table") return writeJson(terminal, output, text);
  const rows = [...leavesOf(JSON.parse(text), "")];
  const width = Math.max(0, ...rows.map(([key]) => key.length)) + 2;
  for (const [key, value] of rows) {
    const line = `${key.padEnd(width)}${printed(value)}`;
    terminal.write(`${cut(line, terminal.columns ?? Infinity)}\n`);
  }
}

/** All that is no object, with the path that leads to it; a list of plain values is one. */
function* leavesOf(value: Json, path: string): Generator<[string, string]> {
  if (value === null || value === undefined) return;
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
  if (!isBytes) return String(value);
  return value >= NO_LIMIT_BYTES ? "none" : `${value} (${formatBytes(value)})`;
}
