/**
 * Event logs in `tests/testdata/explain`, and the output of `explain` for the
 * newest kill of each.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import type { AgentClient } from "../../lib/cli/agent_client.ts";
import { explainKill } from "../../lib/cli/explain.ts";
import { parseConfig } from "../../lib/config/config.ts";
import { explainOom } from "../../lib/explain/explain_oom.ts";
import type { SourceState } from "../../lib/model/source_state.ts";
import type { OomStory } from "../../lib/explain/oom_story.ts";

/** Directory of the logs, `NAME.ndjson`, and screens, `NAME.txt`. */
export const EXPLAINED: string = fromFileUrl(
  new URL("../testdata/explain", import.meta.url),
);

/** One log per kind of kill. */
export const EXPLAINED_NAMES = [
  "container-limit",
  "pod-limit",
  "host",
  "group-kill",
  "counter-only",
] as const;

/**
 * Returns the output of `cgwatch explain` with these arguments, which name a
 * log.
 */
export function explainWith(...args: string[]): Promise<string> {
  return explain(args, () => {
    throw new Error("A log needs no agent");
  });
}

/**
 * Returns the output of `cgwatch explain` for an agent with the events of a
 * log, or without any.
 *
 * @param sources of `/readyz`
 */
export function explainFromAgent(
  name: string | undefined,
  args: readonly string[],
  sources: readonly SourceState[] = [],
  notes: string[] = [],
): Promise<string> {
  const log = name === undefined
    ? ""
    : Deno.readTextFileSync(`${EXPLAINED}/${name}.ndjson`);
  const events = log.split("\n").filter(Boolean).map((line) =>
    JSON.parse(line)
  );
  const client = {
    text: (path: string) =>
      Promise.resolve(
        JSON.stringify(path === "/readyz" ? { sources } : events),
      ),
  };
  return explain(args, () => client as unknown as AgentClient, notes);
}

async function explain(
  args: readonly string[],
  client: () => AgentClient,
  notes: string[] = [],
): Promise<string> {
  const command = parseConfig(["explain", ...args]);
  if (command.verb === "serve" || command.verb === "print-config") {
    throw new Error("Another verb");
  }
  let text = "";
  await explainKill({
    values: command.values,
    argument: command.argument,
    terminal: {
      columns: undefined,
      rows: undefined,
      hasColors: false,
      write: (more) => text += more,
      note: (line) => notes.push(line),
    },
    client,
  });
  return text;
}

/** Returns the story of the newest kill from the JSON output. */
export async function storyOf(name: string): Promise<OomStory> {
  const file = `${EXPLAINED}/${name}.ndjson`;
  return JSON.parse(await explainWith("--last", `--file=${file}`, "-o=json"));
}

/** Returns the screen with 80 columns, one hour east of UTC. */
export async function screenOf(name: string): Promise<string> {
  const lines = explainOom(await storyOf(name), {
    columns: 80,
    zone: () => 60,
  });
  return `${lines.join("\n")}\n`;
}
