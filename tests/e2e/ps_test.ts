// `ps` compared with procps, which reads the same files.

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { ProcessList } from "../../lib/manager/process_list.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";
import { AgentProcess, delay } from "./_agent.ts";

/** A process in the API. */
interface Process {
  readonly user: string;
  readonly pid: number;
  readonly "parent_pid": number;
  readonly "start_time": string;
  readonly "percent_cpu": number;
  readonly "percent_mem": number;
  readonly rss: number;
  readonly "virtual_size": number;
  readonly status: string;
  readonly "running_time": string;
  readonly "cgroup_path": string;
  readonly cmd: string;
  readonly "fd_count": number;
  readonly psr: number;
}

const COLUMNS =
  "user:32,pid,ppid,stime,pcpu,pmem,rss,vsz,stat,time,etimes,comm";
const FLAGS = ["--event-log=none", "--kmsg=none"];

async function ps(): Promise<string[][] | undefined> {
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-e", "-o", COLUMNS, "--no-headers"],
    }).output();
    return new TextDecoder().decode(stdout).trim().split("\n")
      .map((line) => line.trim().split(/\s+/));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const hasPs = await ps() !== undefined;

async function withAgent(
  args: string[],
  test: (agent: AgentProcess) => Promise<void>,
): Promise<void> {
  const agent = await AgentProcess.start([...FLAGS, ...args]);
  try {
    await test(agent);
  } finally {
    await agent.stop();
  }
}

Deno.test({
  name: "ps agrees with procps",
  ignore: !hasPs,
  fn: () =>
    withAgent(["--allow-ps"], async (agent) => {
      const before = new Map((await ps())?.map((row) => [row[1], row]));
      const reported: Process[] = await agent.json("/api/v2.1/ps");
      const after = new Map((await ps())?.map((row) => [row[1], row]));
      let compared = 0;
      for (const process of reported) {
        const rows = [before, after].map((rows) => rows.get(`${process.pid}`));
        const [early, late] = rows;
        // Started or ended between the two readings.
        if (early === undefined || late === undefined) continue;
        const [user, , parent, start, cpu, memory, rss, vsz, stat, time, age] =
          early;
        const shown = `${process.pid} ${process.cmd}`;
        // A new process changes too fast for the comparison.
        if (Number(age) < 10) continue;
        compared++;
        assertEquals(process.user, user, shown);
        assertEquals(`${process.parent_pid}`, parent, shown);
        // Seconds may be rounded to different minutes.
        const starts = [process.start_time, start].map(minutesOf);
        assertLess(
          Math.abs((starts[0] ?? NaN) - (starts[1] ?? NaN)),
          2,
          `${shown} ${process.start_time} ${start}`,
        );
        assertNear(process.percent_cpu, cpu, late[4], 1, shown);
        assertNear(process.percent_mem, memory, late[5], 0.15, shown);
        assertNear(process.rss / 1024, rss, late[6], 4096, shown);
        assertNear(process.virtual_size / 1024, vsz, late[7], 65_536, shown);
        // Threads may start or end between the readings.
        assert(
          [stat, late[8]].some((flags) =>
            flags?.slice(1) === process.status.slice(1)
          ),
          `${shown} ${process.status} ${stat} ${late[8]}`,
        );
        assertNear(
          secondsOf(process.running_time),
          `${secondsOf(time ?? "")}`,
          `${secondsOf(late[9] ?? "")}`,
          1,
          shown,
        );
        // The names of kernel workers change with their work.
        if (stat?.startsWith("Z") || process.cmd.startsWith("kworker")) {
          continue;
        }
        assertEquals(
          process.cmd.slice(0, 15).trim(),
          late.slice(11).join(" ").slice(0, 15),
          shown,
        );
      }
      assertGreater(compared, 20);
    }),
});

/** Asserts that a value is between two readings, with a tolerance. */
function assertNear(
  value: number,
  early: string | undefined,
  late: string | undefined,
  tolerance: number,
  what: string,
): void {
  const bounds = [Number(early), Number(late)];
  const text = `${what}: ${value} is not within ${bounds}`;
  assert(value >= Math.min(...bounds) - tolerance, text);
  assert(value <= Math.max(...bounds) + tolerance, text);
}

function minutesOf(text: string | undefined): number {
  const [hours = NaN, minutes = NaN] = (text ?? "").split(":").map(Number);
  return Number.isNaN(minutes) ? 0 : hours * 60 + minutes;
}

function secondsOf(text: string): number {
  const [, days = "0", hours, minutes, seconds] =
    /^(?:(\d+)-)?(\d+):(\d+):(\d+)$/.exec(text) ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 +
    Number(seconds);
}

Deno.test("ps is rejected unless allowed, and includes command lines only with full", async () => {
  const secret = "61.25";
  const sleeper = new Deno.Command("/bin/sleep", { args: [secret] }).spawn();
  try {
    const find = async (agent: AgentProcess) => {
      const all: Process[] = await agent.json("/api/v2.0/ps/");
      return all.find(({ pid }) => pid === sleeper.pid);
    };
    await withAgent([], async (agent) => {
      const response = await fetch(`${agent.url}/api/v2.1/ps`);
      assertEquals(response.status, 403);
      const { error } = await response.json();
      assert(error.includes("--allow-ps"), error);
    });
    await withAgent(["--allow-ps"], async (agent) => {
      const found = await find(agent);
      assertEquals(found?.cmd, "sleep");
      assertEquals(found?.fd_count, await countFiles(sleeper.pid));
      assert(!JSON.stringify(found).includes(secret));
    });
    await withAgent(["--allow-ps=full"], async (agent) => {
      assertEquals((await find(agent))?.cmd, `/bin/sleep ${secret}`);
    });
  } finally {
    sleeper.kill();
    await sleeper.status;
  }
});

async function countFiles(pid: number): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

Deno.test("ps does not delay other requests", async () => {
  await withAgent(["--allow-ps=full"], async (agent) => {
    let responses = 0;
    let done = false;
    const probe = (async () => {
      while (!done) {
        const response = await fetch(`${agent.url}/healthz`);
        await response.text();
        responses++;
      }
    })();
    await Promise.all(
      Array.from({ length: 10 }, () => agent.json("/api/v2.1/ps")),
    );
    done = true;
    await probe;
    assertGreater(responses, 10);
  });
});

Deno.test("ps omits a command line that cannot be read in time, and returns the rest", async () => {
  using root = TestCgroup.create();
  const fields = Array.from({ length: 50 }, () => "0").join(" ");
  root.file("proc/uptime", "1000.00 900.00\n");
  for (const pid of [7, 8]) {
    root.file(`proc/${pid}/stat`, `${pid} (stuck) ${fields}\n`)
      .file(`proc/${pid}/status`, "Uid:\t0\t0\t0\t0\n")
      .file(`proc/${pid}/cgroup`, "0::/\n");
  }
  root.file("proc/8/cmdline", "not\0stuck\0");
  // A FIFO without writer blocks the reader, like a process that hangs.
  const cmdline = `${root.path}/proc/7/cmdline`;
  await new Deno.Command("mkfifo", { args: [cmdline] }).output();
  const list = new ProcessList(root.hostFs(), systemClock);
  const found = await list.read("/", { commandLines: true });
  assertEquals(found.map(({ command }) => command), ["stuck", "not stuck"]);
  // Unblocks the reader.
  await Deno.writeTextFile(cmdline, "late");
  await delay(50);
});
