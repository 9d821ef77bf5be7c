import { assertEquals, assertThrows } from "@std/assert";
import { LogFile, type LogHandle, partOf } from "../../lib/log/log_file.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** A disk whose syncs take until they are told how they end; a real one gives no say in that. */
class SlowDisk implements LogHandle {
  readonly syncs: PromiseWithResolvers<void>[] = [];
  closed = 0;
  takes = Infinity;

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(this.writeSync(bytes));
  }

  writeSync(bytes: Uint8Array): number {
    return Math.min(bytes.length, this.takes);
  }

  syncData(): Promise<void> {
    const sync = Promise.withResolvers<void>();
    this.syncs.push(sync);
    return sync.promise;
  }

  close(): void {
    this.closed++;
  }
}

function open(options: { syncAfterMs?: number; regular?: boolean } = {}) {
  const disk = new SlowDisk();
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const file = new LogFile(disk, {
    regular: true,
    id: "1:2",
    sizeBytes: 10,
    clock,
    onSyncError: (error) => failures.push(error),
    ...options,
  });
  return { disk, clock, failures, file };
}

const BYTES = new Uint8Array(5);

/** Lets what waits on promises go on. */
async function settle(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

Deno.test("partOf() puts the number after the name", () => {
  assertEquals(partOf("/x/events.ndjson", 0), "/x/events.ndjson");
  assertEquals(partOf("/x/events.ndjson", 2), "/x/events.ndjson.2");
});

Deno.test("LogFile counts its size from what the file had", async () => {
  const { disk, file } = open();
  assertEquals(file.append(BYTES), 5);
  disk.takes = 2;
  assertEquals(await file.send(BYTES), 2);
  assertEquals(file.sizeBytes, 17);
});

Deno.test("LogFile takes a write of nothing for a failure, not for a reason to try for ever", () => {
  const { disk, file } = open();
  disk.takes = 0;
  assertThrows(() => file.append(BYTES), Error, "nothing was taken");
});

Deno.test("LogFile syncs once, an interval after the first write", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  clock.advance(5000);
  assertEquals(disk.syncs.length, 0);
  file.append(BYTES);
  clock.advance(999);
  file.append(BYTES);
  assertEquals(disk.syncs.length, 0);
  clock.advance(1);
  await settle();
  assertEquals(disk.syncs.length, 1);
});

Deno.test("LogFile does not begin a sync while another takes its time", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  clock.advance(1000);
  await settle();
  file.append(BYTES);
  clock.advance(10_000);
  await settle();
  assertEquals(disk.syncs.length, 1);
  disk.syncs[0]?.resolve();
  await settle();
  clock.advance(1000);
  await settle();
  assertEquals(disk.syncs.length, 2);
});

Deno.test("LogFile is at rest when nothing new was written", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  clock.advance(1000);
  await settle();
  disk.syncs[0]?.resolve();
  await settle();
  assertEquals(clock.pending, 0);
});

Deno.test("LogFile tells of a sync that failed, and tries again an interval later", async () => {
  const { disk, clock, failures, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  clock.advance(1000);
  await settle();
  disk.syncs[0]?.reject(new Error("os error 5"));
  await settle();
  assertEquals(failures.length, 1);
  clock.advance(1000);
  await settle();
  assertEquals(disk.syncs.length, 2);
});

Deno.test("LogFile.sync() covers what was written after a sync began that is still under way", async () => {
  const { disk, file } = open();
  file.append(BYTES);
  const first = file.sync();
  await settle();
  file.append(BYTES);
  const second = file.sync();
  disk.syncs[0]?.resolve();
  await first;
  await settle();
  assertEquals(disk.syncs.length, 2);
  disk.syncs[1]?.resolve();
  await second;
});

Deno.test("LogFile.retire() syncs what is new, then closes", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  const retired = file.retire({ sync: true });
  await settle();
  assertEquals([disk.syncs.length, disk.closed], [1, 0]);
  disk.syncs[0]?.resolve();
  await retired;
  assertEquals(disk.closed, 1);
  assertEquals(clock.pending, 0);
});

Deno.test("LogFile.retire() does not sync where that is not wanted, nor what is no file of a disk", async () => {
  const never = open();
  never.file.append(BYTES);
  await never.file.retire({ sync: false });
  assertEquals([never.disk.syncs.length, never.disk.closed], [0, 1]);
  const pipe = open({ regular: false, syncAfterMs: 1000 });
  pipe.file.append(BYTES);
  await pipe.file.retire({ sync: true });
  assertEquals([pipe.disk.syncs.length, pipe.disk.closed], [0, 1]);
});
