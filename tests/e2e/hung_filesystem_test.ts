import { assert, assertEquals, assertLess } from "@std/assert";
import { AGENT, AgentProcess, delay, TIMEOUT_MS, until } from "./_agent.ts";
import { HANGING } from "./_hanging_filesystem.ts";
import { CAN_HANG, HangingMount } from "./_hanging_mount.ts";

/** Latencies of API responses during another operation. */
class Latencies {
  readonly ms: number[] = [];
  #isOver = false;

  async follow(agent: AgentProcess): Promise<void> {
    const paths = [
      "/api/v1.3/machine",
      "/api/v2.1/storage",
      "/api/v1.3/containers/",
      "/readyz",
    ];
    while (!this.#isOver) {
      for (const path of paths) {
        const startMs = performance.now();
        await agent.json(path);
        this.ms.push(performance.now() - startMs);
      }
      await delay(50);
    }
  }

  stop(): void {
    this.#isOver = true;
  }
}

// deno-lint-ignore no-explicit-any
async function hanging(agent: AgentProcess): Promise<any> {
  const all: { device: string }[] = await agent.json("/api/v2.1/storage");
  return all.find(({ device }) => device === "hanging");
}

/** Returns the number of threads in uninterruptible sleep. */
function stuckThreads(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].filter(({ name }) => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`);
    return /\) D /.test(stat);
  }).length;
}

Deno.test({
  name:
    "agent responds while a file system hangs, with its last values, and blocks one thread",
  ignore: !CAN_HANG,
  async fn() {
    await using mount = new HangingMount();
    await mount.waitForLine("mounted");
    const agent = await AgentProcess.start(["--event-log=none"], {}, [
      ...mount.inside,
      AGENT,
    ]);
    const latencies = new Latencies();
    try {
      const fresh = await hanging(agent);
      assertEquals(fresh, {
        timestamp: fresh.timestamp,
        device: "hanging",
        mountpoint: mount.directory,
        capacity: HANGING.blocks * HANGING.blockBytes,
        available: HANGING.availableBlocks * HANGING.blockBytes,
        usage: (HANGING.blocks - HANGING.freeBlocks) * HANGING.blockBytes,
        labels: [],
        inodes: HANGING.files,
        inodes_free: HANGING.freeFiles,
      });

      await mount.order("hang");
      const following = latencies.follow(agent);
      const isStale = async () => (await hanging(agent)).stale === true;
      assert(await until(isStale, { everyMs: 100 }));
      const { timestamp: _, stale: __, ...last } = await hanging(agent);
      const { timestamp: ___, ...first } = fresh;
      assertEquals(last, first);
      const { sources } = await agent.json("/readyz");
      assertEquals(
        sources.find(({ name }: { name: string }) => name === "filesystems"),
        {
          name: "filesystems",
          state: "degraded",
          detail: `no response from "${mount.directory}"`,
        },
      );
      // `check` calls no remote file system: it could not end.
      const [program = "", ...inside] = mount.inside;
      const { stdout } = await new Deno.Command(program, {
        args: [...inside, AGENT, "check", "--server=127.0.0.1:9", "-o=json"],
      }).output();
      const rows = JSON.parse(new TextDecoder().decode(stdout));
      const row = rows.find(({ name }: { name: string }) =>
        name === "filesystems"
      );
      assertEquals(row.state, "ok");
      const isStaleInSample = async () => {
        const { stats } = await agent.json("/api/v1.3/containers/");
        return stats.at(-1).filesystem
          .some((fs: Record<string, unknown>) =>
            fs.device === "hanging" && fs.stale === true
          );
      };
      assert(await until(isStaleInSample));

      // One more housekeeping interval: a repeated call would block one more thread.
      await delay(11_000);
      assertLess(stuckThreads(agent.pid), 2);
      latencies.stop();
      await following;
      assertLess(Math.max(...latencies.ms), TIMEOUT_MS);

      await mount.order("answer");
      const isFresh = async () => (await hanging(agent)).stale === undefined;
      assert(await until(isFresh, { everyMs: 100 }));
    } finally {
      latencies.stop();
      // A hanging process cannot be killed.
      await mount.order("answer");
      await agent.stop();
    }
  },
});

Deno.test({
  name: "agent starts while a file system hangs, and lists it without values",
  ignore: !CAN_HANG,
  async fn() {
    await using mount = new HangingMount();
    await mount.waitForLine("mounted");
    await mount.order("hang");
    const agent = await AgentProcess.start(["--event-log=none"], {}, [
      ...mount.inside,
      AGENT,
    ]);
    try {
      assertEquals(await hanging(agent), {
        timestamp: "0001-01-01T00:00:00Z",
        device: "hanging",
        mountpoint: mount.directory,
        labels: [],
        stale: true,
      });
      const machine = await agent.json("/api/v1.3/machine");
      assert(machine.filesystems.length > 1);
    } finally {
      await mount.order("answer");
      await agent.stop();
    }
  },
});
