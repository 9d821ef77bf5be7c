import { MEMORY_EVENT_COLUMNS, MEMORY_EVENTS } from "../model/sample.ts";
import { counter, type Family } from "./family.ts";
import { column, type ContainerSnapshot, group } from "./container_snapshot.ts";

const EVENT_HELP: Readonly<Record<typeof MEMORY_EVENTS[number], string>> = {
  low: "reclaims of memory below memory.low",
  high: "throttlings for usage above memory.high",
  max: "hits of memory.max",
  oom: "failed reclaims at the memory limit",
  oomKill: "processes killed by the OOM killer",
  oomGroupKill: "kills of the whole cgroup by the OOM killer",
};

/** `memory.events` and `memory.events.local`. */
export const MEMORY_EVENT_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...MEMORY_EVENTS.map((event) =>
    counter(
      `container_memory_events_${snakeCase(event)}_total`,
      `Number of ${EVENT_HELP[event]}, in the subtree.`,
      column(MEMORY_EVENT_COLUMNS[event]),
    )
  ),
  ...MEMORY_EVENTS.map((event) =>
    counter(
      `container_memory_events_local_${snakeCase(event)}_total`,
      `Number of ${EVENT_HELP[event]}, in the cgroup itself.`,
      group("eventsLocal", event),
    )
  ),
  ...([
    ["high", "swap-outs above memory.swap.high"],
    ["max", "hits of memory.swap.max"],
    ["fail", "failed swap allocations"],
  ] as const).map(([event, help]) =>
    counter(
      `container_memory_swap_events_${event}_total`,
      `Number of ${help}, in the subtree.`,
      group("swapEvents", event),
    )
  ),
];

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}
