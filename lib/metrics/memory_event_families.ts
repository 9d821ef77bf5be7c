import { MEMORY_EVENT_COLUMNS, MEMORY_EVENTS } from "../model/sample.ts";
import { counter, type Family } from "./family.ts";
import { column, group, type Measured } from "./measured.ts";

const EVENT_HELP: Readonly<Record<typeof MEMORY_EVENTS[number], string>> = {
  low: "reclaimed from though it was below memory.low",
  high: "throttled for being over memory.high",
  max: "about to go over memory.max",
  oom: "at its limit, and nothing could be reclaimed",
  oomKill: "a process was killed",
  oomGroupKill: "all processes were killed together",
};

/** `memory.events` and `memory.events.local`, which differ where a cgroup has others below it. */
export const MEMORY_EVENT_FAMILIES: readonly Family<Measured>[] = [
  ...MEMORY_EVENTS.map((event) =>
    counter(
      `container_memory_events_${snakeCase(event)}_total`,
      `How often, in it or below: ${EVENT_HELP[event]}.`,
      column(MEMORY_EVENT_COLUMNS[event]),
    )
  ),
  ...MEMORY_EVENTS.map((event) =>
    counter(
      `container_memory_events_local_${snakeCase(event)}_total`,
      `How often, in it alone: ${EVENT_HELP[event]}.`,
      group("eventsLocal", event),
    )
  ),
  ...([
    ["high", "over memory.swap.high"],
    ["max", "about to go over memory.swap.max"],
    ["fail", "no swap was to be had"],
  ] as const).map(([event, help]) =>
    counter(
      `container_memory_swap_events_${event}_total`,
      `How often, in it or below: ${help}.`,
      group("swapEvents", event),
    )
  ),
];

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}
