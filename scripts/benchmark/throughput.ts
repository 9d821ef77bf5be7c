/**
 * Events per second through manager, log and one stream.
 *
 * @module
 */
import { EventStreams } from "../../lib/api/event_stream.ts";
import { parseEventsQuery } from "../../lib/api/events_query.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import { EventLog } from "../../lib/log/event_log.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import type { Benchmark } from "./figure.ts";

/** Events added before yielding to the event loop: fewer than a queue's limit. */
const BURST = 500;

/** Returns the number of events per second received by log and stream. */
async function send(count: number): Promise<number> {
  const dir = await Deno.makeTempDir();
  const clock = systemClock;
  const events = new EventManager({ node: "bench", bootId: "b", clock });
  const log = new EventLog(events, {
    path: `${dir}/events.ndjson`,
    maxSizeBytes: 0,
    keep: 0,
    sync: "never",
    clock,
    logger: silentLogger,
  });
  log.start();
  const streams = new EventStreams({ events, clock, maxStreams: 1 });
  const query = parseEventsQuery(
    { headers: new Headers() },
    new URLSearchParams("stream=true"),
    "/",
  );
  const response = streams.respond({ ...query, format: "ndjson" });
  const reader = response.body?.getReader();
  let received = 0;
  const reading = (async () => {
    while (received < count) {
      const chunk = await reader?.read();
      if (chunk?.value === undefined) break;
      for (const byte of chunk.value) if (byte === 0x0a) received++;
    }
  })();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    events.addEvent({
      timestampMs: clock.now(),
      type: "containerCreation",
      containerName: `/bench/c${i}`,
    });
    if (i % BURST === BURST - 1) await new Promise((go) => setTimeout(go, 0));
  }
  await reading;
  await log.close();
  const seconds = (performance.now() - startMs) / 1000;
  await reader?.cancel();
  const text = await Deno.readTextFile(`${dir}/events.ndjson`);
  await Deno.remove(dir, { recursive: true });
  const logged = text.split("\n").length - 1;
  if (logged !== count || received !== count) {
    throw new Error(
      `Of ${count} events, ${logged} were logged and ${received} streamed`,
    );
  }
  return count / seconds;
}

export const throughput: readonly Benchmark[] = [{
  name: "events",
  async run({ quick }) {
    const values: number[] = [];
    for (let round = 0; round < (quick ? 3 : 7); round++) {
      values.push(await send(quick ? 20_000 : 100_000));
    }
    return [{
      name: "events through manager, log and one stream",
      unit: "/s",
      values,
      goal: { of: "value", limit: 90_000, atLeast: true },
    }];
  },
}];
