import { ROOT } from "../model/cgroup.ts";
import type { NewEvent, StoredEvent } from "../model/event.ts";
import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";

/**
 * Tells of each host OOM what the kubelet would write of its node, until the
 * watch returned is closed.
 */
export function startNodeEvents(events: EventManager): EventWatch {
  const watch = events.watchEvents({ types: new Set(["oomKill"]) });
  tellNodeEvents(events, watch);
  return watch;
}

async function tellNodeEvents(
  events: EventManager,
  watch: EventWatch,
): Promise<void> {
  for await (const kills of watch) {
    for (const kill of kills) {
      const event = nodeEventOf(kill);
      if (event !== undefined) events.addEvent(event);
    }
  }
}

/**
 * The event that the kubelet's OOM watcher writes since about Kubernetes 1.18:
 *
 * ```text
 * System OOM encountered, victim process: stress, pid: 4711
 * ```
 *
 * It dates it when it reads of it; here it has the time of the kill. Undefined
 * for a kill at a cgroup's limit, and for one before the agent's start: it was
 * the business of whoever ran then.
 */
export function nodeEventOf(kill: StoredEvent): NewEvent | undefined {
  const { oom } = kill.event.event_data;
  if (oom?.scope !== "host" || oom.historical === true) return undefined;
  const { pid, process_name: processName } = oom;
  const victim = pid && processName
    ? `, victim process: ${processName}, pid: ${pid}`
    : "";
  return {
    timestampMs: kill.timestampMs,
    type: "nodeEvent",
    containerName: ROOT,
    data: {
      "node_event": {
        "reason": "SystemOOM",
        "message": `System OOM encountered${victim}`,
        "type": "Warning",
      },
    },
  };
}
