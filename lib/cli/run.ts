import { UsageError } from "../config/command_line.ts";
import type { OtherCommand } from "../config/config.ts";
import { systemClock } from "../model/clock.ts";
import { VERBS } from "../config/verbs.ts";
import { AgentClient } from "./agent_client.ts";
import { checkHost } from "./check.ts";
import { completion } from "./completion.ts";
import { tellEvents } from "./events.ts";
import { helpText } from "./help.ts";
import { inspectContainer, tellMachine } from "./inspect.ts";
import { listContainers } from "./list.ts";
import { manPage } from "./man_page.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

/** What the verbs need besides their flags. */
export interface CliHost {
  /** Looks up an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Of this program. */
  readonly version: string;
}

/**
 * Does what a verb other than `serve` asks for.
 *
 * @throws {UsageError} for what cannot be asked
 * @throws {Error} for what fails
 */
export async function runVerb(
  command: OtherCommand,
  { env, version }: CliHost,
): Promise<void> {
  const { verb, argument, values } = command;
  const terminal = createTerminal(env);
  const client = () => AgentClient.create(values, env);
  const common = { values, terminal, clock: systemClock };
  switch (verb) {
    case "events":
      return await tellEvents({ ...common, container: argument, client });
    case "list":
      return await listContainers({
        ...common,
        container: argument,
        client: client(),
      });
    case "inspect":
      if (argument === undefined) {
        throw new UsageError('Wanted is a container, such as "inspect /a"');
      }
      return await inspectContainer(argument, { ...common, client: client() });
    case "machine":
      return await tellMachine({ ...common, client: client() });
    case "check":
      return await checkHost(common);
    case "version":
      return await tellVersion(command, version, terminal, client);
    case "help":
      return tellHelp(command, version, terminal);
  }
}

async function tellVersion(
  { values }: OtherCommand,
  version: string,
  terminal: Terminal,
  client: () => AgentClient,
): Promise<void> {
  // Without a word of an agent it needs none: packages and people ask for the version first.
  const agent: string | undefined = values.has("server")
    ? JSON.parse(await client().text("/api/v2.1/version"))
    : undefined;
  if (values.choice("output") !== "table") {
    terminal.write(`${JSON.stringify({ version, agent })}\n`);
    return;
  }
  terminal.write(`cgwatch ${version}\n`);
  if (agent !== undefined) terminal.write(`agent ${agent}\n`);
}

function tellHelp(
  { argument, values }: OtherCommand,
  version: string,
  terminal: Terminal,
): void {
  const verb = VERBS.find(({ name }) => name === argument)?.name;
  if (argument !== undefined && verb === undefined) {
    const known = VERBS.map(({ name }) => name).join(", ");
    throw new UsageError(`Unknown verb "${argument}": known are ${known}`);
  }
  const shell = values.has("completion")
    ? values.choice("completion")
    : undefined;
  if (values.bool("man")) terminal.write(`${manPage(version)}\n`);
  else if (shell !== undefined) terminal.write(`${completion(shell)}\n`);
  else terminal.write(`${helpText(verb)}\n`);
}
