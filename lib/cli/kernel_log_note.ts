import type { FlagValues } from "../config/flag_values.ts";
import type { SourceState } from "../model/source_state.ts";
import type { AgentClient } from "./agent_client.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Reports an agent that cannot read the kernel log, so that a missing kill or
 * reason is not a surprise. Reports nothing for a log file.
 */
export async function noteKernelLog(
  { values, client, terminal }: {
    readonly values: FlagValues;
    readonly client: () => AgentClient;
    readonly terminal: Terminal;
  },
): Promise<void> {
  if (values.optional("file") !== undefined) return;
  const { state, detail } = await kernelLogOf(client()) ?? {};
  if (state === undefined || state === "ok") return;
  terminal.note(
    `The agent does not read the kernel log, so it only counts OOM kills: ${detail}. cgwatch check suggests a fix`,
  );
}

async function kernelLogOf(
  client: AgentClient,
): Promise<SourceState | undefined> {
  try {
    const { sources = [] }: { readonly sources?: SourceState[] } = JSON.parse(
      await client.text("/readyz"),
    );
    return sources.find(({ name }) => name === "kmsg");
  } catch {
    // Another request reports the error.
    return undefined;
  }
}
