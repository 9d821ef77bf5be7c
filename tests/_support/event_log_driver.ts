/**
 * An event log in a separate process, for scenarios that a test process cannot
 * run: `event_log_driver.ts SCENARIO PATH`. It reports one object on stderr.
 */
import { EventManager } from "../../lib/events/event_manager.ts";
import { EVENT_LOG_QUEUE_LIMIT, EventLog } from "../../lib/log/event_log.ts";
import { sleep, systemClock } from "../../lib/model/clock.ts";
import type { CheckpointData } from "../../lib/model/event.ts";

const [scenario = "", path = ""] = Deno.args;

const events = new EventManager({
  node: "n1",
  bootId: "b1",
  clock: systemClock,
});
const STATE: CheckpointData = { "inferred_units": 0 };
const checkpoints = {
  state: STATE,
  lastSeq: 0,
  now: () => STATE,
  format: (state: CheckpointData, seq: number) =>
    events.checkpointLine(state, seq),
};
const log = new EventLog(events, {
  path,
  clock: systemClock,
  ...(scenario === "fifo" && { checkpoints }),
});

function add(count: number): void {
  for (let n = 0; n < count; n++) {
    events.addEvent({
      timestampMs: systemClock.now(),
      type: "containerCreation",
      containerName: "/docker/eac1824ab0fe4b5d6a7ef0d5a1c4b5e6f7a8b9c0",
    });
  }
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = systemClock.monotonic() + 10_000;
  while (!condition()) {
    if (systemClock.monotonic() > endMs) throw new Error("Waited too long");
    await sleep(systemClock, 5);
  }
}

function report(facts: Record<string, unknown> = {}): void {
  const line = JSON.stringify({ ...facts, ...log.counters });
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Adds events in several iterations of the event loop. */
async function addSlowly(count: number): Promise<void> {
  for (let added = 0; added < count; added += 100) {
    add(100);
    await sleep(systemClock, 0);
  }
}

async function nextInput(): Promise<void> {
  await Deno.stdin.read(new Uint8Array(100));
}

const scenarios: Record<string, () => Promise<void>> = {
  /**
   * The disk of `PATH` fills up to the last byte, and later has free space
   * again.
   */
  async "full-disk"() {
    const ballast = path.replace(/[^/]*$/, "ballast");
    const block = new Uint8Array(4096);
    using file = Deno.openSync(ballast, { write: true, create: true });
    add(3);
    log.start();
    await until(() => log.counters.bytes > 0);
    try {
      for (;;) file.writeSync(block);
    } catch {
      // The disk is full.
    }
    await until(() => {
      add(1);
      return log.counters.errors > 0;
    });
    const tornAt = (await Deno.stat(path)).size;
    const written = log.counters.bytes;
    add(EVENT_LOG_QUEUE_LIMIT + 100);
    await until(() => log.counters.errors > 2);
    file.truncateSync(0);
    await until(() => log.state.state === "ok");
    add(1);
    await log.close();
    report({ tornAt, written, lastSeq: events.lastSeq });
    Deno.stdout.writeSync(await Deno.readFile(path));
  },
  /** At first there is no reader; the parent sends a line to continue. */
  async "slow-reader"() {
    log.start();
    await addSlowly(40_000);
    report({ lastSeq: events.lastSeq });
    await nextInput();
    await log.close();
    report();
  },
  async "no-reader"() {
    log.start();
    add(5000);
    await sleep(systemClock, 50);
    await log.close();
    report();
  },
  /** Readers connect and disconnect; each line of input requests ten more events, and a checkpoint. */
  async "fifo"() {
    log.start();
    for (;;) {
      add(10);
      report();
      await nextInput();
      log.requestCheckpoint();
    }
  },
  async "endless"() {
    log.start();
    for (;;) {
      add(50);
      await sleep(systemClock, 1);
    }
  },
};

await scenarios[scenario]?.();
// A write that waits for a reader would block the exit.
Deno.exit(0);
