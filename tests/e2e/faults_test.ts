// Faults that the kernel causes in a running agent: no descriptors, no watches, a full kernel log.
// Full disks are in tests/e2e/event_log_test.ts, files that hang in hung_filesystem_test.ts, and
// every other fault in tests/faults.

import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { AGENT, AgentProcess, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

const skipped = CAN_MAKE_CGROUPS ? "" : ", skipped: no cgroup can be made";

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

async function sourceOf(
  agent: AgentProcess,
  wanted: string,
): Promise<{ state: string; detail: string }> {
  const { sources } = await agent.json("/readyz");
  return sources.find(({ name }: WireEvent) => name === wanted);
}

async function metricOf(agent: AgentProcess, name: string): Promise<number> {
  const response = await fetch(`${agent.url}/metrics`);
  const line = new RegExp(`^${name} (\\d+)`, "m").exec(await response.text());
  return Number(line?.[1]);
}

/** Returns the events of a container and its descendants in short form. */
async function briefEvents(
  agent: AgentProcess,
  name: string,
): Promise<string[]> {
  const events: WireEvent[] = await agent.json(
    `/api/v1.3/events${name}?all_events=true&subcontainers=true&max_events=-1`,
  );
  return events.map(({ event_type, container_name }) =>
    `${event_type} ${container_name}`
  ).toSorted();
}

/** Returns whether a container and its descendants have samples. */
async function areMeasured(
  agent: AgentProcess,
  name: string,
): Promise<boolean> {
  const infos: WireEvent[] = await agent.json(
    `/api/v1.3/subcontainers${name}`,
  );
  return infos.every(({ stats }) => stats?.at(-1)?.memory !== undefined);
}

const canLimit = await succeeds("prlimit", ["--version"]);

Deno.test({
  name:
    `agent continues at the limit of open files, reports it, and recovers${skipped}`,
  ignore: !CAN_MAKE_CGROUPS || !canLimit,
  async fn() {
    await using cgroups = new TestCgroups("emfile");
    for (let n = 0; n < 20; n++) cgroups.make(`/before-${n}`);
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--kmsg=none",
      "--global-housekeeping-interval=1s",
    ]);
    const limit = (files: string) =>
      succeeds("prlimit", [`--pid=${agent.pid}`, `--nofile=${files}:`]);
    try {
      // Less than the open descriptors: nothing more can be opened.
      assert(await limit("8"));
      for (let n = 0; n < 20; n++) cgroups.make(`/amid-${n}`);
      cgroups.remove("/before-0");
      assert(await until(() => agent.stderr.includes("os error 24")));
      assert(await limit("4096"));
      // At the limit the server may have closed its listener, which it opens again within a second.
      const names = () => agent.names(cgroups.name).catch(() => []);
      assert(await until(async () => (await names()).length === 40));
      assert(
        await until(
          async () => (await sourceOf(agent, "cgroups")).state === "ok",
        ),
        (await sourceOf(agent, "cgroups")).detail,
      );
      const expected = [
        `containerCreation ${cgroups.name}`,
        `containerDeletion ${cgroups.name}/before-0`,
      ];
      for (let n = 0; n < 20; n++) {
        expected.push(
          `containerCreation ${cgroups.name}/before-${n}`,
          `containerCreation ${cgroups.name}/amid-${n}`,
        );
      }
      assertEquals(await briefEvents(agent, cgroups.name), expected.toSorted());
      assert(await until(() => areMeasured(agent, cgroups.name)));
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
    }
  },
});

Deno.test({
  name:
    `agent starts with few open files, and reports all containers${skipped}`,
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("fewfiles");
    for (let n = 0; n < 50; n++) cgroups.make(`/before-${n}`);
    const agent = await AgentProcess.start(
      ["--event-log=none", "--kmsg=none"],
      {},
      ["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"', AGENT],
    );
    try {
      for (let n = 0; n < 50; n++) cgroups.make(`/after-${n}`);
      const is = async () => (await agent.names(cgroups.name)).length;
      assert(await until(async () => await is() === 101));
      assert(await until(() => areMeasured(agent, cgroups.name)));
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
    }
  },
});

Deno.test("agent tolerates a kernel log of garbage that ends in the middle of a record", async () => {
  const directory = await Deno.makeTempDir();
  const kmsg = `${directory}/kmsg`;
  assert(await succeeds("mkfifo", [kmsg]));
  const agent = await AgentProcess.start([
    "--event-log=none",
    `--kmsg=${kmsg}`,
  ]);
  const killed = (sequence: number, pid: number) =>
    `3,${sequence},${sequence},-;Out of memory: Killed process ${pid} (sh) total-vm:8kB, anon-rss:4kB\n`;
  const pids = async () => {
    const events: WireEvent[] = await agent.json(
      "/api/v1.3/events?oom_kill_events=true&subcontainers=true",
    );
    return events.map(({ event_data }) => event_data.oom.pid).toSorted();
  };
  try {
    const bytes = new Uint8Array(200_000).map((_, n) => (n * 7919) >> 3);
    const first = await Deno.open(kmsg, { write: true });
    await first.write(new TextEncoder().encode(killed(1, 7)));
    for (let at = 0; at < bytes.length;) {
      at += await first.write(bytes.subarray(at));
    }
    await first.write(
      new TextEncoder().encode(`\n${killed(2, 8)}${killed(3, 9).slice(0, 30)}`),
    );
    first.close();
    const isEnded = async () =>
      (await sourceOf(agent, "kmsg")).detail.includes("writer closed it");
    assert(await until(isEnded));
    assertGreater(await metricOf(agent, "cgwatch_kmsg_malformed_total"), 0);
    const second = await Deno.open(kmsg, { write: true });
    await second.write(new TextEncoder().encode(killed(4, 10)));
    assert(await until(async () => (await pids()).includes(10)));
    assertEquals(await pids(), [10, 7, 8]);
    second.close();
  } finally {
    assertEquals((await agent.stop()).code, 0, agent.stderr);
    await Deno.remove(directory, { recursive: true });
  }
});

/** A user namespace has its own watch limit. */
const FEW_WATCHES = [
  "-Ur",
  "sh",
  "-c",
  'echo 5 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"',
];
const canUnshare = await succeeds("unshare", [...FEW_WATCHES, "true"]) &&
  await succeeds("nsenter", ["--version"]);

Deno.test({
  name:
    `agent watches cgroups with inotify again when watches are available${skipped}`,
  ignore: !CAN_MAKE_CGROUPS || !canUnshare,
  async fn() {
    await using cgroups = new TestCgroups("watches");
    const agent = await AgentProcess.start(
      [
        "--event-log=none",
        "--kmsg=none",
        "--global-housekeeping-interval=500ms",
      ],
      {},
      ["unshare", ...FEW_WATCHES, AGENT],
    );
    try {
      // The first hierarchies may be within the limit.
      const isLimited = async () =>
        (await sourceOf(agent, "cgroups")).detail.includes("watch limit");
      assert(await until(isLimited));
      cgroups.make("/a");
      assert(
        await succeeds("nsenter", [
          `--user=/proc/${agent.pid}/ns/user`,
          "sh",
          "-c",
          "echo 100000 >/proc/sys/user/max_inotify_watches",
        ]),
      );
      assert(
        await until(
          async () => (await sourceOf(agent, "cgroups")).state === "ok",
        ),
        (await sourceOf(agent, "cgroups")).detail,
      );
      assertStringIncludes(agent.stderr, "Watching cgroups with inotify again");
      cgroups.make("/b");
      const is = async () => (await agent.names(cgroups.name)).length;
      assert(await until(async () => await is() === 3));
      cgroups.remove("/a");
      assert(await until(async () => await is() === 2));
      assertEquals(
        await briefEvents(agent, cgroups.name),
        [
          `containerCreation ${cgroups.name}`,
          `containerCreation ${cgroups.name}/a`,
          `containerCreation ${cgroups.name}/b`,
          `containerDeletion ${cgroups.name}/a`,
        ],
      );
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
    }
  },
});
