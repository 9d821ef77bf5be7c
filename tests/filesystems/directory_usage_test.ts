import { assertEquals } from "@std/assert";
import { DirectoryUsage } from "../../lib/filesystems/directory_usage.ts";
import {
  type FileStat,
  MountedFiles,
} from "../../lib/filesystems/mounted_files.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";
import { WatchedCalls } from "../_support/watched_calls.ts";

/** Counts its calls, and may fail, or report some files on another device. */
class CountingFiles extends MountedFiles {
  calls = 0;
  fails = false;
  elsewhere = "";
  listBytes: number | undefined;
  onStat = () => {};

  override async lstat(hostPath: string): Promise<FileStat> {
    this.calls++;
    this.onStat();
    if (this.fails) throw new Deno.errors.PermissionDenied(hostPath);
    const found = await super.lstat(hostPath);
    const { listBytes = found.contentBytes } = this;
    const size = { ...found, contentBytes: listBytes };
    return this.elsewhere !== "" && hostPath.endsWith(this.elsewhere)
      ? { ...size, device: size.device + 1 }
      : size;
  }
}

class Counted implements Disposable {
  readonly root = TestCgroup.create();
  readonly clock = new FakeClock();
  readonly files = new CountingFiles(this.root.hostFs());
  readonly calls = new WatchedCalls(this.clock);
  readonly usage = new DirectoryUsage({
    files: this.files,
    clock: this.clock,
    calls: this.calls,
    intervalMs: 60_000,
  });

  /** Requests a count and waits until it ends. */
  async count(
    directory = "/layer",
    counted: "tree" | "files" = "tree",
  ): Promise<[number, number] | undefined> {
    this.usage.sizeOf(directory, counted);
    await this.calls.idle();
    const size = this.usage.sizeOf(directory, counted);
    return size && [size.bytes, size.inodes];
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

/** Returns the disk usage of a file on this machine's file system. */
function bytesOf(path: string): number {
  return (Deno.lstatSync(path).blocks ?? 0) * 512;
}

Deno.test("DirectoryUsage.sizeOf() counts blocks and inodes, hard links once", async () => {
  using counted = new Counted();
  const { root } = counted;
  root.file("layer/a", "x".repeat(10_000)).file("layer/sub/deep/b", "y");
  const layer = `${root.path}/layer`;
  await Deno.link(`${layer}/a`, `${layer}/sub/a-again`);
  const expected = ["", "/a", "/sub", "/sub/deep", "/sub/deep/b"]
    .reduce((bytes, name) => bytes + bytesOf(layer + name), 0);
  assertEquals(await counted.count(), [expected, 5]);
});

Deno.test('DirectoryUsage.sizeOf() with "files" counts each link, and no directory', async () => {
  using counted = new Counted();
  const { root } = counted;
  root.file("logs/0.log", "").file("logs/sub/deep.log", "y");
  assertEquals(await counted.count("/logs", "files"), [0, 1]);
  root.file("more/1.log", "x".repeat(10_000)).file("more/0.log", "x");
  await Deno.link(`${root.path}/more/0.log`, `${root.path}/more/again.log`);
  const expected = ["0", "1", "again"].reduce(
    (bytes, name) => bytes + bytesOf(`${root.path}/more/${name}.log`),
    0,
  );
  assertEquals(await counted.count("/more", "files"), [expected, 3]);
  assertEquals(await counted.count("/nothing", "files"), undefined);
  assertEquals(counted.usage.isMissing("/nothing"), true);
});

Deno.test("DirectoryUsage.sizeOf() does not descend into another file system", async () => {
  using counted = new Counted();
  counted.root.file("layer/mnt/big", "x".repeat(10_000)).file("layer/a", "");
  counted.files.elsewhere = "/mnt";
  const [, inodes] = await counted.count() ?? [];
  assertEquals(inodes, 2);
});

Deno.test("DirectoryUsage.sizeOf() counts many files in slices, and pauses between them", async () => {
  using counted = new Counted();
  const directory = counted.root.child("layer");
  for (let i = 0; i < 300; i++) directory.file(`f${i}`, "");
  const [, inodes] = await counted.count() ?? [];
  assertEquals(inodes, 301);
});

Deno.test("DirectoryUsage.sizeOf() counts again after a minute, not before", async () => {
  using counted = new Counted();
  const { root, files, clock } = counted;
  root.file("layer/a", "");
  assertEquals((await counted.count())?.[1], 2);
  root.file("layer/b", "");
  const { calls } = files;
  assertEquals((await counted.count())?.[1], 2);
  assertEquals(files.calls, calls);
  clock.advance(60_000);
  assertEquals((await counted.count())?.[1], 3);
});

Deno.test("DirectoryUsage.sizeOf() keeps the last size if counting fails, and doubles the wait each time", async () => {
  using counted = new Counted();
  const { root, files, clock } = counted;
  root.file("layer/a", "");
  const before = await counted.count();
  files.fails = true;
  clock.advance(60_000);
  assertEquals(await counted.count(), before);
  files.fails = false;
  root.file("layer/b", "");
  clock.advance(119_000);
  assertEquals(await counted.count(), before);
  clock.advance(1_000);
  assertEquals((await counted.count())?.[1], 3);
});

Deno.test("DirectoryUsage.sizeOf() returns nothing for a missing directory, and checks it each minute", async () => {
  using counted = new Counted();
  const { root, usage, clock } = counted;
  assertEquals(usage.isMissing("/layer"), false);
  assertEquals(await counted.count(), undefined);
  assertEquals(usage.isMissing("/layer"), true);
  clock.advance(60_000);
  assertEquals(await counted.count(), undefined);
  root.file("layer/a", "");
  clock.advance(60_000);
  assertEquals((await counted.count())?.[1], 2);
  assertEquals(usage.isMissing("/layer"), false);
  await Deno.remove(`${root.path}/layer`, { recursive: true });
  clock.advance(60_000);
  assertEquals(await counted.count(), undefined);
  assertEquals(usage.isMissing("/layer"), true);
});

Deno.test("DirectoryUsage.forget() drops a size and a queued count", async () => {
  using counted = new Counted();
  counted.root.file("layer/a", "");
  await counted.count();
  counted.usage.forget("/layer");
  const { calls } = counted.files;
  assertEquals(counted.usage.sizeOf("/layer"), undefined);
  counted.usage.forget("/layer");
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(counted.files.calls, calls);
});

Deno.test("DirectoryUsage.stop() ends the running count, and starts no other", async () => {
  using counted = new Counted();
  const { root, usage, files, calls, clock } = counted;
  const directory = root.child("layer");
  for (let i = 0; i < 300; i++) directory.file(`f${i}`, "");
  const before = await counted.count();
  clock.advance(60_000);
  files.calls = 0;
  files.onStat = () => usage.stop();
  usage.sizeOf("/layer");
  usage.sizeOf("/other");
  await calls.idle();
  clock.advance(60_000);
  assertEquals(await counted.count(), before);
  // The directory itself, and one slice.
  assertEquals(files.calls, 65);
});

Deno.test("DirectoryUsage.after() defers counts until the promise resolves", async () => {
  using counted = new Counted();
  const { usage, root, files } = counted;
  root.file("layer/a", "x");
  const ended = Promise.withResolvers<void>();
  usage.after(ended.promise);
  usage.sizeOf("/layer");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(files.calls, 0);
  ended.resolve();
  await usage.caughtUp();
  assertEquals(usage.sizeOf("/layer")?.inodes, 2);
});

Deno.test("DirectoryUsage.isBehind is true until a requested directory is counted, or counting failed", async () => {
  using counted = new Counted();
  const { usage, root, clock, calls, files } = counted;
  root.file("layer/a", "x");
  assertEquals(usage.isBehind, false);
  usage.sizeOf("/layer");
  assertEquals(usage.isBehind, true);
  await usage.caughtUp();
  assertEquals([usage.isBehind, usage.sizeOf("/layer")?.inodes], [false, 2]);
  clock.advance(60_000);
  usage.sizeOf("/layer");
  // It is counted again; its last size is known meanwhile.
  assertEquals(usage.isBehind, false);
  files.fails = true;
  usage.sizeOf("/other");
  assertEquals(usage.isBehind, true);
  await usage.caughtUp();
  assertEquals(usage.isBehind, false);
  await calls.idle();
});

Deno.test("DirectoryUsage counts nothing if a directory has too many names", async () => {
  using counted = new Counted();
  const { root, files } = counted;
  root.file("layer/sub/a", "x");
  assertEquals((await counted.count())?.[1], 3);
  files.listBytes = 2 ** 21 + 1;
  assertEquals(await counted.count("/layer/sub"), undefined);
});
