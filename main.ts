import denoJson from "./deno.json" with { type: "json" };
import { startAgent } from "./lib/agent.ts";
import {
  type Command,
  type Config,
  helpText,
  parseConfig,
  UsageError,
} from "./lib/config.ts";

const { version } = denoJson;

/** Exit statuses: done, failed while running, wrong use. */
const DONE = 0;
const FAILED = 1;
const WRONG_USE = 2;

async function main(): Promise<number> {
  try {
    const command: Command = parseConfig(
      Deno.args,
      (name) => Deno.env.get(name),
    );
    if (command.verb === "serve") return await serve(command);
    const text = command.verb === "help" ? helpText() : `cgwatch ${version}`;
    await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
    return DONE;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say(`cgwatch: ${message}`);
    if (!(error instanceof UsageError)) return FAILED;
    say("Run cgwatch --help for all flags.");
    return WRONG_USE;
  }
}

async function serve(config: Config): Promise<number> {
  const stopped = Promise.withResolvers<void>();
  let reopenLog = () => {};
  Deno.addSignalListener("SIGTERM", stopped.resolve);
  Deno.addSignalListener("SIGINT", stopped.resolve);
  Deno.addSignalListener("SIGHUP", () => reopenLog());
  const agent = await startAgent(config, {
    hostname: Deno.hostname(),
    version,
  });
  reopenLog = agent.reopenLog;
  say(`cgwatch ready ${agent.addresses.join(" ")}`);
  await stopped.promise;
  await agent.stop();
  return DONE;
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

// A read of the kernel log that is still pending would keep the process.
if (import.meta.main) Deno.exit(await main());
