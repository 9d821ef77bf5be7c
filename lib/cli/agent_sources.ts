import type { FlagValues } from "../config/flag_values.ts";
import type { SourceState } from "../model/source_state.ts";
import type { AgentClient } from "./agent_client.ts";

/**
 * Returns a line if the agent cannot read the whole kernel log, to explain
 * missing kills or reasons; nothing for a log file.
 */
export async function kernelLogNote(
  { values, client }: {
    readonly values: FlagValues;
    readonly client: () => AgentClient;
  },
): Promise<string | undefined> {
  if (values.optional("file") !== undefined) return undefined;
  const { state, detail } = await sourceOf(client(), "kmsg") ?? {};
  return state === undefined || state === "ok"
    ? undefined
    : `The agent does not have the whole kernel log, so OOM kills may be only counted: ${detail}. cgwatch check suggests a fix`;
}

/** Returns the state of an agent's source, if any. */
export async function sourceOf(
  client: AgentClient,
  source: string,
): Promise<SourceState | undefined> {
  try {
    const { sources = [] }: { readonly sources?: SourceState[] } = JSON.parse(
      await client.text("/readyz"),
    );
    return sources.find(({ name }) => name === source);
  } catch {
    // Another request reports the error.
    return undefined;
  }
}
