import { assertEquals } from "@std/assert";
import { DirectoryUsage } from "../../lib/filesystems/directory_usage.ts";
import {
  type FileSize,
  MountedFiles,
} from "../../lib/filesystems/mounted_files.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";
import { WatchedCalls } from "../_support/watched_calls.ts";

/** Counts how often it is looked at, and may fail, or say that some files are elsewhere. */
class CountingFiles extends MountedFiles {
  lookedAt = 0;
  fails = false;
  elsewhere = "";
  listBytes: number | undefined;
  onLook = () => {};

  override async fileSize(hostPath: string): Promise<FileSize> {
    this.lookedAt++;
    this.onLook();
    if (this.fails) throw new Deno.errors.PermissionDenied(hostPath);
    const found = await super.fileSize(hostPath);
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

  /** Asks until a count that this began has ended. */
  async count(
    directory = "/layer",
    counted: "tree" | "files" = "tree",
  ): Promise<[number, number] | undefined> {
    this.usage.of(directory, counted);
    await this.calls.quiet();
    const size = this.usage.of(directory, counted);
    return size && [size.bytes, size.inodes];
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

/** What a file takes on this machine's file system. */
function bytesOf(path: string): number {
  return (Deno.lstatSync(path).blocks ?? 0) * 512;
}

Deno.test("DirectoryUsage.of() counts blocks and inodes, hard links once", async () => {
  using counted = new Counted();
  const { root } = counted;
  root.file("layer/a", "x".repeat(10_000)).file("layer/sub/deep/b", "y");
  const layer = `${root.path}/layer`;
  await Deno.link(`${layer}/a`, `${layer}/sub/a-again`);
  const expected = ["", "/a", "/sub", "/sub/deep", "/sub/deep/b"]
    .reduce((bytes, name) => bytes + bytesOf(layer + name), 0);
  assertEquals(await counted.count(), [expected, 5]);
});

Deno.test("DirectoryUsage.of() counts files alone one by one, and no directory", async () => {
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

Deno.test("DirectoryUsage.of() does not descend into another file system", async () => {
  using counted = new Counted();
  counted.root.file("layer/mnt/big", "x".repeat(10_000)).file("layer/a", "");
  counted.files.elsewhere = "/mnt";
  const [, inodes] = await counted.count() ?? [];
  assertEquals(inodes, 2);
});

Deno.test("DirectoryUsage.of() counts many files in slices, and rests between them", async () => {
  using counted = new Counted();
  const directory = counted.root.child("layer");
  for (let i = 0; i < 300; i++) directory.file(`f${i}`, "");
  const [, inodes] = await counted.count() ?? [];
  assertEquals(inodes, 301);
});

Deno.test("DirectoryUsage.of() counts anew a minute later, and not before", async () => {
  using counted = new Counted();
  const { root, files, clock } = counted;
  root.file("layer/a", "");
  assertEquals((await counted.count())?.[1], 2);
  root.file("layer/b", "");
  const { lookedAt } = files;
  assertEquals((await counted.count())?.[1], 2);
  assertEquals(files.lookedAt, lookedAt);
  clock.advance(60_000);
  assertEquals((await counted.count())?.[1], 3);
});

Deno.test("DirectoryUsage.of() keeps the last size where counting fails, and waits twice as long each time", async () => {
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

Deno.test("DirectoryUsage.of() knows nothing of a directory that is not there, and looks for it each minute", async () => {
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

Deno.test("DirectoryUsage.forget() lets go of a size, and of a count that waits", async () => {
  using counted = new Counted();
  counted.root.file("layer/a", "");
  await counted.count();
  counted.usage.forget("/layer");
  const { lookedAt } = counted.files;
  assertEquals(counted.usage.of("/layer"), undefined);
  counted.usage.forget("/layer");
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(counted.files.lookedAt, lookedAt);
});

Deno.test("DirectoryUsage.stop() ends the count under way, and begins no other", async () => {
  using counted = new Counted();
  const { root, usage, files, calls, clock } = counted;
  const directory = root.child("layer");
  for (let i = 0; i < 300; i++) directory.file(`f${i}`, "");
  const before = await counted.count();
  clock.advance(60_000);
  files.lookedAt = 0;
  files.onLook = () => usage.stop();
  usage.of("/layer");
  usage.of("/other");
  await calls.quiet();
  clock.advance(60_000);
  assertEquals(await counted.count(), before);
  // The directory itself, and a slice.
  assertEquals(files.lookedAt, 65);
});

Deno.test("DirectoryUsage.after() counts nothing before that has ended", async () => {
  using counted = new Counted();
  const { usage, root, files } = counted;
  root.file("layer/a", "x");
  const ended = Promise.withResolvers<void>();
  usage.after(ended.promise);
  usage.of("/layer");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(files.lookedAt, 0);
  ended.resolve();
  await usage.caughtUp();
  assertEquals(usage.of("/layer")?.inodes, 2);
});

Deno.test("DirectoryUsage.isBehind until what was asked for is counted for the first time, or cannot be", async () => {
  using counted = new Counted();
  const { usage, root, clock, calls, files } = counted;
  root.file("layer/a", "x");
  assertEquals(usage.isBehind, false);
  usage.of("/layer");
  assertEquals(usage.isBehind, true);
  await usage.caughtUp();
  assertEquals([usage.isBehind, usage.of("/layer")?.inodes], [false, 2]);
  clock.advance(60_000);
  usage.of("/layer");
  // It is counted anew, and what it took is known meanwhile.
  assertEquals(usage.isBehind, false);
  files.fails = true;
  usage.of("/other");
  assertEquals(usage.isBehind, true);
  await usage.caughtUp();
  assertEquals(usage.isBehind, false);
  await calls.quiet();
});

Deno.test("DirectoryUsage counts nothing where a directory has more names than can be listed", async () => {
  using counted = new Counted();
  const { root, files } = counted;
  root.file("layer/sub/a", "x");
  assertEquals((await counted.count())?.[1], 3);
  files.listBytes = 2 ** 21 + 1;
  assertEquals(await counted.count("/layer/sub"), undefined);
});
