import { type AgentClient, namePath } from "./agent_client.ts";
import type { Json } from "./output.ts";

/**
 * Returns the OOM kills of a cgroup and its descendants by cgroup, as on the
 * web page and in `/metrics`: those since the agent started, without
 * historical ones.
 */
export async function readOomKills(
  client: AgentClient,
  cgroup?: string,
): Promise<Map<string, number>> {
  const path = `/api/v2.1/usage${namePath(cgroup)}`;
  const table: Json = JSON.parse(
    await client.text(`${path}?columns=oom_kills&recursive=true`),
  );
  return new Map(
    Object.entries<number[][]>(table.containers).map((
      [name, rows],
    ) => [name, rows.at(-1)?.[0] ?? 0]),
  );
}
