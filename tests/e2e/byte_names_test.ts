// Names that are not UTF-8: support by the platform, and behavior of the agent.

import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { AgentProcess, delay, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

async function shell(script: string): Promise<void> {
  const { success } = await new Deno.Command("sh", { args: ["-c", script] })
    .output();
  assert(success, script);
}

Deno.test("the platform neither lists nor opens a name that is not UTF-8 by its bytes (Deno 2.9)", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await shell(`mkdir "${directory}/$(printf 'a\\377')"`);
    await shell(`echo 1 >"${directory}/$(printf 'a\\377')/file"`);
    const listed = await Array.fromAsync(Deno.readDir(directory));
    assertEquals(listed.map(({ name }) => name), ["a\ufffd"]);
    const names: unknown = readdirSync(directory, { encoding: "buffer" });
    assertEquals(
      (names as Uint8Array[]).map((name) => [...name]),
      [[0x61, 0xef, 0xbf, 0xbd]],
    );
    const bytes = Buffer.concat([
      Buffer.from(`${directory}/a`),
      Buffer.of(0xff),
      Buffer.from("/file"),
    ]);
    const escaped = new URL(`file://${directory}/a%FF/file`);
    const ways: Record<string, () => unknown> = {
      "a Buffer to node:fs": () => readFileSync(bytes),
      "a Buffer to stat": () => statSync(bytes),
      "a Buffer to exists": () => {
        if (!existsSync(bytes)) throw new Deno.errors.NotFound();
      },
      "an escaped URL": () => Deno.readTextFileSync(escaped),
      "a lone surrogate": () =>
        Deno.readTextFileSync(`${directory}/a\udcff/file`),
      "what is listed": () =>
        Deno.readTextFileSync(`${directory}/a\ufffd/file`),
    };
    const open = Object.entries(ways).filter(([_, read]) => {
      try {
        read();
        return true;
      } catch {
        return false;
      }
    });
    // Fails once one of the ways can open the cgroup: it can be watched then.
    assertEquals(open.map(([way]) => way), []);
  } finally {
    await shell(`rm -r "${directory}"`);
  }
});

Deno.test({
  name: "agent watches the other cgroups if the name of one is not UTF-8",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("bytes");
    const [controller = ""] = HIERARCHIES.keys();
    cgroups.make("/before", [controller]);
    const parent = HIERARCHIES.get(controller) + cgroups.name;
    await shell(`mkdir "${parent}/$(printf 'a\\377')"`);
    const agent = await AgentProcess.start(["--event-log=none"]);
    const stream = new AbortController();
    try {
      const events: WireEvent[] = [];
      await agent.follow("", events, stream.signal);
      await shell(`mkdir "${parent}/$(printf 'b\\377')"`);
      const name = cgroups.make("/after", [controller]);
      assert(
        await until(() =>
          events.some(({ container_name: reported }) => reported === name)
        ),
        name,
      );
      await delay(300);
      assertEquals(await agent.names(cgroups.name), [
        cgroups.name,
        `${cgroups.name}/after`,
        `${cgroups.name}/before`,
      ]);
    } finally {
      stream.abort();
      await agent.stop();
      await shell(`rmdir "${parent}"/[ab]?`);
    }
  },
});
