import { ROOT } from "../model/cgroup.ts";
import type { NewEvent, StoredEvent } from "../model/event.ts";
import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";

/**
 * For each host OOM, emits the kubelet's node event, until the returned watch
 * is closed.
 */
export function startNodeEvents(events: EventManager): EventWatch {
  const watch = events.watchEvents({ types: new Set(["oomKill"]) });
  emitNodeEvents(events, watch);
  return watch;
}

async function emitNodeEvents(
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
 * Returns the kubelet's OOM watcher event, as since about Kubernetes 1.18:
 *
 * ```text
 * System OOM encountered, victim process: stress, pid: 4711
 * ```
 *
 * It has the time of the kill; the kubelet's has the time of reading.
 * `undefined` for a kill at a cgroup's limit, and for a historical one, which
 * an earlier agent reported.
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
