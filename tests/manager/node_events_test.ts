import { assertEquals } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import { startNodeEvents } from "../../lib/manager/node_events.ts";
import type { NewEvent, OomKillData } from "../../lib/model/event.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function killOf(oom: OomKillData): NewEvent {
  return {
    timestampMs: 1_000.5,
    type: "oomKill",
    containerName: "/",
    data: { oom: { "scope": "host", "historical": false, ...oom } },
  };
}

/** Returns the node events that result from these events. */
async function nodeEventsOf(...given: NewEvent[]) {
  const clock = new FakeClock();
  const events = new EventManager({ node: "n1", bootId: "b", clock });
  const watch = startNodeEvents(events);
  for (const event of given) events.addEvent(event);
  // The last batch is read before the watch ends.
  watch.finish();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(events.counters.watches, 0);
  return events.getEvents({ types: new Set(["nodeEvent"]) })
    .map(({ event }) => event);
}

Deno.test("startNodeEvents() writes of a host OOM what the kubelet would", async () => {
  const kill = killOf({ "pid": 124, "process_name": "busybox" });
  assertEquals(await nodeEventsOf(kill), [{
    "seq": 2,
    "boot_id": "b",
    "node": "n1",
    "timestamp": "1970-01-01T00:00:01.000500Z",
    "event_type": "nodeEvent",
    "container_name": "/",
    "event_data": {
      "node_event": {
        "reason": "SystemOOM",
        "message": "System OOM encountered, victim process: busybox, pid: 124",
        "type": "Warning",
      },
    },
  }]);
});

Deno.test("startNodeEvents() leaves the victim out where it is not known whole, as the kubelet does", async () => {
  const found = await nodeEventsOf(
    killOf({}),
    killOf({ "pid": 7 }),
    killOf({ "process_name": "a" }),
    killOf({ "pid": 0, "process_name": "a" }),
    killOf({ "pid": 7, "process_name": "" }),
  );
  assertEquals(
    found.map((event) => event.event_data.node_event?.message),
    new Array(5).fill("System OOM encountered"),
  );
});

Deno.test("startNodeEvents() ignores kills at a cgroup's limit, historical ones, unknown scopes, and other events", async () => {
  const { scope: _, ...unknown } = killOf({}).data?.oom ?? {};
  const found = await nodeEventsOf(
    killOf({ "scope": "cgroup", "pid": 7, "process_name": "a" }),
    killOf({ "historical": true, "pid": 7, "process_name": "a" }),
    { ...killOf({}), data: { oom: unknown } },
    { ...killOf({}), type: "oom" },
    { timestampMs: 1, type: "containerCreation", containerName: "/a" },
  );
  assertEquals(found, []);
});
