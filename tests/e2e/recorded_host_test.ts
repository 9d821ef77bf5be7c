import { assertEquals, assertGreater } from "@std/assert";
import { RecordedTree, RECORDING_NAMES } from "../_support/recorded_tree.ts";
import { AgentProcess } from "./_agent.ts";

for (const name of RECORDING_NAMES) {
  Deno.test(`agent answers from the recorded host ${name} under --root`, async () => {
    using recorded = new RecordedTree(name);
    const agent = await AgentProcess.start([
      `--root=${recorded.fs.root}`,
      "--event-log=none",
      "--kmsg=none",
    ]);
    try {
      const names = await agent.names("/");
      const container = names.find((name) => /docker.*[0-9a-f]{64}/.test(name));
      const url = `/api/v2.1/stats${container}?max_age=0s`;
      const { spec, stats: [latest] } =
        (await agent.json(url))[container ?? ""];
      assertGreater(latest.cpu.usage.total, 0);
      assertGreater(latest.memory.usage, 0);
      assertGreater(latest.processes.threads_current, 0);
      assertEquals(spec.memory.limit, 33_554_432);
      assertEquals(latest.cpu.psi !== undefined, name !== "6.1-v1-legacy");
      // The hybrid host's kernel counted no disk before its first limit.
      assertEquals(
        latest.diskio.io_service_bytes !== undefined,
        name !== "6.18-hybrid",
      );
    } finally {
      await agent.stop();
    }
  });
}
