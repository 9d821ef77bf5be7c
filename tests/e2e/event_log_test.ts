import { assert, assertEquals, assertGreater } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import { EventLog, logReader } from "../../lib/log/event_log.ts";
import { readLogTail } from "../../lib/log/log_tail.ts";
import { systemClock } from "../../lib/model/clock.ts";

const DRIVER = new URL("../_support/event_log_driver.ts", import.meta.url);

function driverArgs(scenario: string, path: string): string[] {
  const args = ["run", "-A", "--quiet", "--no-config", "--no-lock"];
  return [Deno.execPath(), ...args, DRIVER.pathname, scenario, path];
}

function spawn(
  args: string[],
  stdin: "null" | "piped" = "null",
): Deno.ChildProcess {
  const [program = "", ...rest] = args;
  return new Deno.Command(program, {
    args: rest,
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

interface Report {
  readonly bytes: number;
  readonly errors: number;
  readonly lost: number;
  readonly tornLines: number;
  readonly [fact: string]: number;
}

async function firstReport(child: Deno.ChildProcess): Promise<Report> {
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    assert(!done, `The driver ended: ${text}`);
    text += value;
  }
  // Later output must not fill the pipe.
  reader.read().then(function more({ done }): unknown {
    return done ? undefined : reader.read().then(more);
  });
  return JSON.parse(text.slice(0, text.indexOf("\n")));
}

/** Returns the `seq` of complete lines; for a loss notice, its negative count. */
function seqsOf(text: string): number[] {
  return text.split("\n").slice(0, -1).map((line) => {
    const event = JSON.parse(line);
    return event.event_data.lost ? -event.event_data.lost.count : event.seq;
  });
}

/** Asserts that each event is present or counted as lost, in order; returns the last `seq`. */
function assertNoGap(seqs: readonly number[]): number {
  let next = seqs[0] ?? 1;
  for (const seq of seqs) {
    if (seq < 0) next -= seq;
    else assertEquals(seq, next++);
  }
  return next - 1;
}

async function inTempDir(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function canMount(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("unshare", {
      args: ["-m", "mount", "-t", "tmpfs", "none", "/mnt"],
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

Deno.test({
  name:
    "EventLog on a disk that becomes full leaves no incomplete line, and reports dropped events",
  ignore: !await canMount(),
  async fn() {
    await inTempDir(async (dir) => {
      // The mount is in its own namespace, so it is removed with the process.
      const script = `mount -t tmpfs -o size=8m none ${dir} && exec "$@"`;
      const child = spawn([
        "unshare",
        "-m",
        "sh",
        "-c",
        script,
        "sh",
        ...driverArgs("full-disk", `${dir}/events.ndjson`),
      ]);
      const { code, stdout, stderr } = await child.output();
      const reported = new TextDecoder().decode(stderr);
      assertEquals(code, 0, reported);
      const report: Report = JSON.parse(reported);
      const text = new TextDecoder().decode(stdout);
      const seqs = seqsOf(text);
      assertEquals(seqs[0], 1);
      assertEquals(assertNoGap(seqs), report["lastSeq"]);
      const lost = seqs.filter((seq) => seq < 0);
      assertGreater(lost.length, 0);
      assertEquals(lost.reduce((sum, count) => sum - count, 0), report.lost);
      assertEquals(report.tornLines, 0);
      assertEquals(report.bytes, text.length);
      // The test requires that the failed write was in the middle of a line.
      assert(text[(report["tornAt"] ?? 0) - 1] !== "\n");
    });
  },
});

Deno.test("EventLog on a device without space continues, and closes", async () => {
  const events = new EventManager({
    node: "n1",
    bootId: "b1",
    clock: systemClock,
  });
  const log = new EventLog(events, { path: "/dev/full", clock: systemClock });
  log.start();
  const creation = {
    timestampMs: 1,
    type: "containerCreation" as const,
    containerName: "/a",
  };
  for (let n = 0; n < 20_000; n++) events.addEvent(creation);
  while (log.counters.errors === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(log.state.detail, "No space left on device (os error 28)");
  await log.close();
  assertEquals(log.counters.lost, 20_000);
  assertEquals(log.counters.bytes, 0);
});

Deno.test("EventLog on stdout does not wait for a reader, and reports dropped events to a late one", async () => {
  const child = spawn(driverArgs("slow-reader", "-"), "piped");
  const report = await firstReport(child);
  assertGreater(report.lost, 0);
  let text = "";
  let isAsked = false;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    // If stopped earlier, it would drop the events that cannot be sent in time.
    const recent = text.slice(-part.length - 40);
    if (isAsked || !recent.includes(`"seq":${report["lastSeq"]},`)) continue;
    isAsked = true;
    await child.stdin.close();
  }
  const seqs = seqsOf(text);
  assertEquals(seqs[0], 1);
  assertEquals(assertNoGap(seqs), report["lastSeq"]);
  assertGreater(seqs.filter((seq) => seq < 0).length, 0);
  assert((await child.status).success);
});

Deno.test("EventLog on a stdout without reader closes", async () => {
  const child = spawn(driverArgs("no-reader", "-"));
  const report = await firstReport(child);
  assertGreater(report.lost, 0);
  assert((await child.status).success);
  await child.stdout.cancel();
});

Deno.test("EventLog on a FIFO does not block without a reader, and starts each reader with a complete line", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/fifo`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const child = spawn(driverArgs("fifo", path), "piped");
    await firstReport(child);
    let isKilled = false;
    const limit = setTimeout(() => {
      isKilled = true;
      child.kill("SIGKILL");
    }, 10_000);
    const stdin = child.stdin.getWriter();
    for (let session = 0; session < 3; session++) {
      const file = await Deno.open(path);
      let text = "";
      const decoder = new TextDecoder();
      while ((text.match(/\n/g) ?? []).length < 10) {
        const bytes = new Uint8Array(300);
        text += decoder.decode(bytes.subarray(0, await file.read(bytes) ?? 0));
        assert(!isKilled, `No more lines in session ${session}`);
      }
      file.close();
      assertEquals(assertNoGap(seqsOf(text)), 10 * (session + 1));
      await stdin.write(new TextEncoder().encode("more\n"));
    }
    clearTimeout(limit);
    child.kill("SIGKILL");
    await child.status;
    await Promise.all([child.stdout.cancel(), stdin.close()]);
  });
});

Deno.test("EventLog that is killed leaves at most the last line incomplete, and is resumed", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/events.ndjson`;
    const child = spawn(driverArgs("endless", path));
    while ((await logReader.size(path) ?? 0) < 500_000) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGKILL");
    await child.status;
    await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
    const text = await Deno.readTextFile(path);
    const last = assertNoGap(seqsOf(text));
    assertGreater(last, 1000);
    const { lastSeq } = await readLogTail(path, { reader: logReader });
    assertEquals(lastSeq, last);
  });
});
