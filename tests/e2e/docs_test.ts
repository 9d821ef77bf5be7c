// Runs the command blocks of the documentation against one agent.

import { assertEquals, assertMatch } from "@std/assert";
import {
  type CommandBlock,
  commandBlocks,
  type DocumentedCommand,
  missingOutput,
} from "../../scripts/documentation/command_blocks.ts";
import { readPages, ROOT } from "../../scripts/documentation/pages.ts";
import { AGENT, AgentProcess } from "./_agent.ts";
import { CAN_OOM } from "./_cgroups.ts";
import { hasProgram } from "./_programs.ts";

const CAN_RUN = CAN_OOM && hasProgram("curl") && hasProgram("jq");
const MARK = "@@end@@";
const TIMEOUT_MS = 60_000;
/** Replaces the cgroup `demo`, so that runs do not affect each other. */
const DEMO = `cgwatchdocs${Deno.pid}`;

const blocks = readPages().flatMap(commandBlocks);

/** Returns the blocks of the documentation, those that remove the cgroup last. */
function ordered(): CommandBlock[] {
  const removes = ({ commands }: CommandBlock) =>
    commands.some(({ command }) => command.startsWith("rmdir"));
  const runs = blocks.filter(({ info }) => !info.includes("background"));
  return [...runs.filter((block) => !removes(block)), ...runs.filter(removes)];
}

/** Runs all commands in one shell; returns the output of each. */
async function run(
  commands: readonly DocumentedCommand[],
  env: Record<string, string>,
  adapt: (text: string) => string,
): Promise<string[]> {
  const script = commands.map(({ command }) =>
    `${adapt(command)}\nprintf '%s\\n' '${MARK}'`
  ).join("\n");
  const child = new Deno.Command("bash", {
    args: ["-c", `exec 2>&1\n${script}`],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).spawn();
  const { stdout } = await child.output();
  return new TextDecoder().decode(stdout).split(`${MARK}\n`);
}

Deno.test({
  name: "the command blocks of README and docs print what they show" +
    (CAN_RUN ? "" : ", skipped: no OOM kills here, or curl or jq is missing"),
  ignore: !CAN_RUN,
  async fn() {
    const [start] = blocks.filter(({ info }) => info.includes("background"));
    const [command] = start?.commands ?? [];
    const directory = await Deno.makeTempDir();
    const log = (text: string) =>
      text.replaceAll("/tmp/events.ndjson", `${directory}/events.ndjson`);
    const args = log(command?.command ?? "").split(" ").slice(1);
    const agent = await AgentProcess.start(args);
    try {
      assertEquals(missingOutput(command?.output ?? [], agent.stderr), []);
      const { host } = new URL(agent.url);
      await Deno.writeTextFile(
        `${directory}/cgwatch`,
        `#!/bin/sh\nexec ${AGENT} "$@"\n`,
        { mode: 0o755 },
      );
      const adapt = (text: string) =>
        log(text).replaceAll("127.0.0.1:8080", host)
          .replaceAll(/\bdemo\b/g, DEMO)
          .replaceAll(/^scripts\/run\b/gm, "cgwatch");
      const commands = ordered().flatMap(({ commands }) => commands);
      const outputs = await run(commands, {
        PATH: `${directory}:${Deno.env.get("PATH")}`,
        CGWATCH_SERVER: host,
        NO_COLOR: "1",
      }, adapt);
      const failed = commands.flatMap(({ at, output }, index) => {
        const actual = outputs[index] ?? "";
        if (output === undefined) {
          assertMatch(actual, /^(?!bash: |cgwatch: )/, at);
          return [];
        }
        const missing = missingOutput(output.map(adapt), actual);
        return missing.length === 0 ? [] : [{ at, missing, actual }];
      });
      assertEquals(failed, []);
    } finally {
      await agent.stop();
      await Deno.remove(directory, { recursive: true });
      await new Deno.Command("bash", {
        args: [
          "-c",
          `for c in /sys/fs/cgroup/${DEMO} /sys/fs/cgroup/*/${DEMO}; do if [ -d "$c" ]; then rmdir "$c"; fi; done`,
        ],
      }).output();
    }
  },
});
