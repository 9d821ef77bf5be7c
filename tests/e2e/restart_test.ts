import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  AgentProcess,
  delay,
  readEvents,
  readLines,
  TIMEOUT_MS,
  until,
} from "./_agent.ts";
import { CAN_MAKE_CGROUPS, CAN_OOM, TestCgroups } from "./_cgroups.ts";

Deno.test({
  name:
    "agent stops within 2 s of SIGTERM under load, and resumes: seq increases, no OOM kill is repeated",
  ignore: !CAN_OOM,
  async fn() {
    await using cgroups = new TestCgroups("restart");
    const dir = await Deno.makeTempDir();
    const log = `${dir}/events.ndjson`;
    try {
      let agent = await AgentProcess.start([`--event-log=${log}`]);
      const stream = new AbortController();
      const streams = [1, 2, 3].map(() =>
        agent.follow("all_events=true&subcontainers=true", [], stream.signal)
      );
      await Promise.all(streams);
      const pid = await cgroups.oom("/killed");
      assert(
        await until(async () =>
          (await readEvents(log)).some((event) =>
            event.event_data.oom?.pid === pid
          )
        ),
      );
      const load = new AbortController();
      const fetching = (async () => {
        while (!load.signal.aborted) {
          await fetch(`${agent.url}/api/v1.3/subcontainers/`)
            .then((response) => response.body?.cancel()).catch(() => {});
        }
      })();
      const churning = (async () => {
        for (let i = 0; !load.signal.aborted; i++) {
          cgroups.make(`/churn${i}`, ["memory"]);
          await delay(2);
          cgroups.remove(`/churn${i}`);
        }
      })();
      await delay(500);
      const startMs = performance.now();
      const status = await agent.stop();
      assertLess(performance.now() - startMs, TIMEOUT_MS);
      assertEquals(status.code, 0, agent.stderr);
      load.abort();
      await Promise.all([fetching, churning]);
      stream.abort();
      const text = await Deno.readTextFile(log);
      assert(text.endsWith("}\n"));
      const first = await readEvents(log);
      const lines = await readLines(log);
      assertEquals(lines[0].event_type, "checkpoint");
      const { event_type: type, event_data: data } = lines.at(-1);
      assertEquals(type, "checkpoint");
      const kill = first.find((event) => event.event_data.oom?.pid === pid);
      const { kmsg_seq: record, node_oom_kills: units } = data.checkpoint;
      assertGreater(record, kill.event_data.oom.kmsg_seq - 1);
      assertGreater(units, 0);
      assertEquals(data.checkpoint.inferred_units, 0);
      agent = await AgentProcess.start([`--event-log=${log}`]);
      await delay(500);
      assertEquals((await agent.stop()).code, 0);
      const all = await readEvents(log);
      assertGreater(all.length, first.length);
      assertEquals(
        all.map((event) => event.seq),
        all.map((_, index) => all[0].seq + index),
      );
      const kills = all.filter((event) => event.event_data.oom?.pid === pid);
      assertEquals(kills.length, 1);
      const reported = all.filter((event) => event.event_type === "oomKill")
        .map((event) => event.event_data.oom.kmsg_seq);
      assertEquals(new Set(reported).size, reported.length);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test({
  name: "agent repairs an incomplete last line after SIGKILL",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    const dir = await Deno.makeTempDir();
    const log = `${dir}/events.ndjson`;
    try {
      const args = [`--event-log=${log}`, "--kmsg=none"];
      let agent = await AgentProcess.start(args);
      await delay(200);
      await agent.stop("SIGKILL");
      const before = await readLines(log);
      const last = before.at(-1).seq;
      await Deno.writeTextFile(log, '{"seq":99999,"boot', { append: true });
      agent = await AgentProcess.start(args);
      await delay(200);
      await agent.stop();
      const lines = (await Deno.readTextFile(log)).split("\n");
      assertEquals(lines[before.length], '{"seq":99999,"boot');
      const after = lines.slice(before.length + 1, -1).map((line) =>
        JSON.parse(line)
      );
      assertGreater(after.length, 0);
      assertEquals(after[0].seq, last + 1);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
