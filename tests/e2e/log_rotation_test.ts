// The event log of a running agent with tail, logrotate, a clock set back, and a directory without
// write permission. For full disks, FIFOs and kills see tests/e2e/event_log_test.ts.

import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import {
  AGENT,
  AgentProcess,
  delay,
  readEvents,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

const skipped = CAN_MAKE_CGROUPS ? "" : ", skipped: no cgroup can be made";

async function hasProgram(name: string): Promise<boolean> {
  try {
    await new Deno.Command(name, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return true;
  } catch {
    return false;
  }
}

const hasLogrotate = await hasProgram("logrotate");

interface Place {
  readonly directory: string;
  readonly log: string;
  readonly cgroups: TestCgroups;
}

async function inPlace(
  label: string,
  test: (place: Place) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  await using cgroups = new TestCgroups(label);
  cgroups.make("");
  try {
    await test({ directory, log: join(directory, "events.ndjson"), cgroups });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * Creates and removes cgroups, with two events each, and waits until the agent
 * has reported them.
 */
async function churn(
  agent: AgentProcess,
  { cgroups }: Place,
  count: number,
): Promise<void> {
  for (let n = 0; n < count; n++) {
    cgroups.make("/x");
    await until(async () => (await agent.names(cgroups.name)).length === 2, {
      everyMs: 2,
    });
    cgroups.remove("/x");
    await until(async () => (await agent.names(cgroups.name)).length === 1, {
      everyMs: 2,
    });
  }
}

/** Asserts that each `seq` exists once; a checkpoint has that of the preceding event. */
function assertGapless(lines: readonly WireEvent[]): void {
  const events = lines.filter(({ event_type }) => event_type !== "checkpoint");
  const [first] = events;
  assertEquals(
    events.map(({ seq }) => seq),
    events.map((_, at) => first.seq + at),
  );
}

Deno.test({
  name:
    `tail -F reads every event once, over at least five rotations${skipped}`,
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await inPlace("tail", async (place) => {
      const { log } = place;
      await Deno.writeTextFile(log, "");
      const tail = new Deno.Command("tail", {
        args: ["-F", "-n", "+1", log],
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      let text = "";
      const reading = (async () => {
        for await (
          const chunk of tail.stdout.pipeThrough(new TextDecoderStream())
        ) text += chunk;
      })();
      const agent = await AgentProcess.start([
        `--event-log=${log}`,
        "--event-log-max-size=4kB",
        "--event-log-keep=9",
        "--kmsg=none",
      ]);
      try {
        await churn(agent, place, 60);
        const kept: WireEvent[] = await agent.json("/api/v1.3/events");
        const last = Math.max(...kept.map(({ seq }) => seq));
        const parts = [];
        for await (const { name } of Deno.readDir(place.directory)) {
          parts.push(name);
        }
        assertGreater(parts.length, 5);
        assert(await until(() => text.includes(`{"seq":${last},`)));
        assertGapless(
          text.split("\n").slice(0, -1).map((line) => JSON.parse(line)),
        );
      } finally {
        await agent.stop();
        tail.kill("SIGTERM");
        await tail.status;
        await reading;
      }
    });
  },
});

Deno.test({
  name: "logrotate with SIGHUP loses no event" +
    (hasLogrotate ? skipped : ", skipped: logrotate is not installed"),
  ignore: !hasLogrotate || !CAN_MAKE_CGROUPS,
  async fn() {
    await inPlace("logrotate", async (place) => {
      const { log, directory } = place;
      const agent = await AgentProcess.start([
        `--event-log=${log}`,
        "--kmsg=none",
      ]);
      try {
        await Deno.chmod(directory, 0o755);
        const config = join(directory, "rotate.conf");
        await Deno.writeTextFile(
          config,
          `${log} {\n  rotate 9\n  missingok\n  nocompress\n  nocreate\n  postrotate\n    kill -HUP ${agent.pid}\n  endscript\n}\n`,
          { mode: 0o644 },
        );
        for (let n = 0; n < 4; n++) {
          const churning = churn(agent, place, 5);
          const { success, stderr } = await new Deno.Command("logrotate", {
            args: ["--force", "--state", join(directory, "state"), config],
          }).output();
          assert(success, new TextDecoder().decode(stderr));
          await churning;
          assert(
            await until(async () =>
              await Deno.stat(log).then(() => true, () => false)
            ),
          );
        }
      } finally {
        assertEquals((await agent.stop()).code, 0);
      }
      const events: WireEvent[] = [];
      for (const part of [".4", ".3", ".2", ".1", ""]) {
        events.push(...await readEvents(log + part));
      }
      assertGreater(events.length, 40);
      assertGapless(events);
    });
  },
});

Deno.test({
  name:
    `a log directory without write permission is reported, and used once it is writable${skipped}`,
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await inPlace("readonly", async (place) => {
      // Root may write to any existing directory, so this one does not exist yet.
      const folder = join(place.directory, "later");
      const log = join(folder, "events.ndjson");
      const agent = await AgentProcess.start([
        `--event-log=${log}`,
        "--kmsg=none",
      ]);
      try {
        const source = async () => {
          const { sources } = await agent.json("/readyz");
          return sources.find(({ name }: { name: string }) =>
            name === "event_log"
          );
        };
        assertEquals((await source()).state, "degraded");
        assertStringIncludes(agent.stderr, "Cannot write the event log");
        await churn(agent, place, 3);
        await Deno.mkdir(folder);
        assert(await until(async () => (await source()).state === "ok"));
        const kept: WireEvent[] = await agent.json("/api/v1.3/events");
        assert(
          await until(async () =>
            (await readEvents(log)).length === kept.length
          ),
        );
        assertGapless(await readEvents(log));
      } finally {
        await agent.stop();
      }
    });
  },
});

/** Returns the path of a library that changes a process's clock, if installed. */
async function fakeTime(): Promise<string | undefined> {
  for (
    const path of ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"]
  ) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return undefined;
}

const fakeTimePath = await fakeTime();

Deno.test({
  name:
    "a clock set back by an hour stops neither events nor streams, and seq continues" +
    (fakeTimePath === undefined
      ? ", skipped: faketime is not installed"
      : skipped),
  ignore: fakeTimePath === undefined || !CAN_MAKE_CGROUPS,
  async fn() {
    await inPlace("clock", async (place) => {
      const { log, directory } = place;
      const clock = join(directory, "clock");
      await Deno.writeTextFile(clock, "+0\n");
      const agent = await AgentProcess.start([
        `--event-log=${log}`,
        "--kmsg=none",
      ], {
        LD_PRELOAD: fakeTimePath ?? "",
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      }, [AGENT]);
      const received: WireEvent[] = [];
      const end = new AbortController();
      try {
        await agent.follow("since_seq=0", received, end.signal);
        await churn(agent, place, 3);
        await Deno.writeTextFile(clock, "-3600\n");
        await delay(100);
        await churn(agent, place, 3);
        const events = await readEvents(log);
        assertGapless(events);
        const steps = events.slice(1).map(({ timestamp }, at) =>
          Date.parse(timestamp) - Date.parse(events[at]?.timestamp)
        );
        assert(Math.min(...steps) < -3_000_000, "The clock was not set back");
        assert(await until(() => received.length === events.length));
        const kept: WireEvent[] = await agent.json(
          "/api/v1.3/events?max_events=-1&all_events=true&subcontainers=true",
        );
        assertEquals(kept.length, events.length);
      } finally {
        end.abort();
        assertEquals((await agent.stop()).code, 0);
      }
    });
  },
});
