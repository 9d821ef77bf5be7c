import { assertEquals, assertThrows } from "@std/assert";
import {
  LogFile,
  type LogHandle,
  rotatedPath,
} from "../../lib/log/log_file.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** A disk whose syncs take until the test ends them, which a real disk does not allow. */
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

/** Runs pending microtasks. */
async function settle(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

Deno.test("rotatedPath() appends the number to the name", () => {
  assertEquals(rotatedPath("/x/events.ndjson", 0), "/x/events.ndjson");
  assertEquals(rotatedPath("/x/events.ndjson", 2), "/x/events.ndjson.2");
});

Deno.test("LogFile counts its size from the initial size", async () => {
  const { disk, file } = open();
  assertEquals(file.append(BYTES), 5);
  disk.takes = 2;
  assertEquals(await file.appendAsync(BYTES), 2);
  assertEquals(file.sizeBytes, 17);
});

Deno.test("LogFile throws if a write returns 0 bytes, instead of retrying forever", () => {
  const { disk, file } = open();
  disk.takes = 0;
  assertThrows(() => file.append(BYTES), Error, "no bytes were written");
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

Deno.test("LogFile starts no sync while another is running", async () => {
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

Deno.test("LogFile does not sync if nothing was written", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  clock.advance(1000);
  await settle();
  disk.syncs[0]?.resolve();
  await settle();
  assertEquals(clock.pending, 0);
});

Deno.test("LogFile reports a failed sync and retries after an interval", async () => {
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

Deno.test("LogFile.sync() includes data written during a running sync", async () => {
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

Deno.test("LogFile.syncAndClose() syncs new data, then closes", async () => {
  const { disk, clock, file } = open({ syncAfterMs: 1000 });
  file.append(BYTES);
  const retired = file.syncAndClose({ sync: true });
  await settle();
  assertEquals([disk.syncs.length, disk.closed], [1, 0]);
  disk.syncs[0]?.resolve();
  await retired;
  assertEquals(disk.closed, 1);
  assertEquals(clock.pending, 0);
});

Deno.test("LogFile.syncAndClose() does not sync if disabled, or for a pipe or device", async () => {
  const never = open();
  never.file.append(BYTES);
  await never.file.syncAndClose({ sync: false });
  assertEquals([never.disk.syncs.length, never.disk.closed], [0, 1]);
  const pipe = open({ regular: false, syncAfterMs: 1000 });
  pipe.file.append(BYTES);
  await pipe.file.syncAndClose({ sync: true });
  assertEquals([pipe.disk.syncs.length, pipe.disk.closed], [0, 1]);
});
