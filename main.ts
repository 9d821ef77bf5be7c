import denoJson from "./deno.json" with { type: "json" };
import { startAgent } from "./lib/agent.ts";
import { createTerminal, writeMessage } from "./lib/cli/terminal.ts";
import { type Config, parseConfig, UsageError } from "./lib/config/config.ts";

const { version } = denoJson;

/** Exit statuses. */
const DONE = 0;
const FAILED = 1;
const WRONG_USE = 2;

async function main(): Promise<number> {
  try {
    const command = parseConfig(Deno.args, { env, readText });
    if (command.verb === "serve") return await serve(command);
    if (command.verb === "print-config") {
      createTerminal(env).write(`${command.text}\n`);
    } else {
      // Loaded on demand: an agent does not need the other verbs in memory.
      const { runVerb } = await import("./lib/cli/run.ts");
      await runVerb(command, { env, version });
    }
    return DONE;
  } catch (error) {
    // The reader closed the pipe, as `head` does.
    if (error instanceof Deno.errors.BrokenPipe) return DONE;
    const message = error instanceof Error ? error.message : String(error);
    writeMessage(`cgwatch: ${message}`);
    if (!(error instanceof UsageError)) return FAILED;
    writeMessage("Run cgwatch --help for all verbs and flags.");
    return WRONG_USE;
  }
}

function env(name: string): string | undefined {
  return Deno.env.get(name);
}

function readText(path: string): string {
  return Deno.readTextFileSync(path);
}

async function serve(config: Config): Promise<number> {
  const stopped = Promise.withResolvers<void>();
  let reload = () => {};
  // Before listening: if accept(2) fails with EMFILE, Deno 2.9.6 panics unless a signal listener is
  // installed.
  Deno.addSignalListener("SIGTERM", stopped.resolve);
  Deno.addSignalListener("SIGINT", stopped.resolve);
  Deno.addSignalListener("SIGHUP", () => reload());
  const isStdoutShown = Deno.stdout.isTerminal() && config.eventLog === "-";
  const agent = await startAgent(config, {
    hostname: Deno.hostname(),
    version,
    isStdoutShown,
  });
  reload = agent.reload;
  const ready = `cgwatch ready ${agent.addresses.join(" ")}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(ready));
  if (isStdoutShown) {
    // Loaded on demand: needed only with a terminal.
    const { showEvents } = await import("./lib/cli/event_screen.ts");
    // A closed terminal must not stop the agent.
    showEvents(agent, config, createTerminal(env)).catch(() => {});
  }
  await stopped.promise;
  await agent.stop();
  return DONE;
}

// A pending read of the kernel log would keep the process running.
if (import.meta.main) Deno.exit(await main());
