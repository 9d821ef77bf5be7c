import { assert, assertEquals } from "@std/assert";
import { RecordedTree } from "../_support/recorded_tree.ts";
import { AgentProcess, readEvents, until, type WireEvent } from "./_agent.ts";

const HIGH = "/lab/high";

Deno.test("agent with --pressure-events reports increments of a recorded v2 host's counters", async () => {
  using recorded = new RecordedTree("6.1-v2");
  const { root } = recorded;
  const log = `${root.path}/events.ndjson`;
  const agent = await AgentProcess.start([
    `--root=${root.path}`,
    `--event-log=${log}`,
    "--kmsg=none",
    "--pressure-events",
    "--housekeeping-interval=100ms",
  ]);
  const streamed: WireEvent[] = [];
  const stream = new AbortController();
  try {
    await agent.follow(
      "pressure_events=true&subcontainers=true",
      streamed,
      stream.signal,
    );
    const counts =
      "low 0\nhigh 200\nmax 250\noom 1\noom_kill 1\noom_group_kill 0\n";
    for (const file of ["memory.events", "memory.events.local"]) {
      root.file(`sys/fs/cgroup${HIGH}/${file}`, counts);
    }
    // The counters of a cgroup include its descendants.
    root.file("sys/fs/cgroup/lab/memory.events", counts);
    assert(await until(() => streamed.length === 2));
    const summaries = (events: WireEvent[]) =>
      events.map(({ event_type, container_name, event_data }) => [
        event_type,
        container_name,
        event_data,
      ]);
    const expected = [
      ["memoryHigh", HIGH, { memory_pressure: { count: 7 } }],
      ["memoryMax", HIGH, { memory_pressure: { count: 250 } }],
    ];
    assertEquals(summaries(streamed), expected);
    assertEquals(
      summaries(
        await agent.json(`/api/v1.3/events${HIGH}?pressure_events=true`),
      ),
      expected,
    );
    const logged = (await readEvents(log)).filter((event) =>
      event.event_data.memory_pressure !== undefined
    );
    assertEquals(summaries(logged), expected);
  } finally {
    stream.abort();
    await agent.stop();
  }
});

Deno.test("agent with --pressure-events reports that cgroup v1 does not support them", async () => {
  using recorded = new RecordedTree("6.18-hybrid");
  const agent = await AgentProcess.start([
    `--root=${recorded.root.path}`,
    "--event-log=none",
    "--kmsg=none",
    "--pressure-events",
  ]);
  await agent.stop();
  assert(/WARN +Cannot report memory pressure/.test(agent.stderr));
});
