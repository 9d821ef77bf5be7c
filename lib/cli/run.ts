import { knownVerb, UsageError } from "../config/command_line.ts";
import type { OtherCommand } from "../config/config.ts";
import { systemClock } from "../model/clock.ts";
import { escapeControlCharacters } from "../model/text.ts";
import { AgentClient, AgentUnreachableError } from "./agent_client.ts";
import { checkHost } from "./check.ts";
import { SERVICE_LOG } from "./check_sources.ts";
import { completion, SHELLS } from "./completion.ts";
import { writeEvents } from "./events.ts";
import { explainKill } from "./explain.ts";
import { helpText } from "./help.ts";
import { inspectContainer, writeMachine } from "./inspect.ts";
import { listContainers } from "./list.ts";
import { manPage } from "./man_page.ts";
import { quote } from "./output.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { showTop } from "./top.ts";

/** Dependencies of the verbs. */
export interface CliHost {
  readonly env: (name: string) => string | undefined;
  readonly version: string;
}

/**
 * Runs a verb other than `serve`.
 *
 * @throws {UsageError} for an invalid argument or value
 * @throws {Error} for other failures
 */
export async function runVerb(
  command: OtherCommand,
  host: CliHost,
): Promise<void> {
  try {
    await run(command, host);
  } catch (error) {
    const { verb, argument, values } = command;
    const hasFile = verb === "explain" || verb === "events";
    if (!hasFile || !(error instanceof AgentUnreachableError)) throw error;
    const log = host.env("CGWATCH_EVENT_LOG") ?? SERVICE_LOG;
    throw new Error(
      `${error.message}\n  Without an agent, read its event log, for example:\n  ${
        [
          "cgwatch",
          verb,
          ...(verb === "explain" && values.bool("last") ? ["--last"] : []),
          ...(argument === undefined ? [] : [quote(argument)]),
        ].join(" ")
      } --file=${quote(log)}`,
      { cause: error },
    );
  }
}

async function run(
  command: OtherCommand,
  { env, version }: CliHost,
): Promise<void> {
  const { verb, argument, values } = command;
  const terminal = createTerminal(env);
  const client = () => {
    const created = AgentClient.create(values, env);
    created.onSlow = () =>
      terminal.note(`Waiting for the agent at "${created.server}"`);
    return created;
  };
  const common = { values, terminal, clock: systemClock };
  switch (verb) {
    case "explain":
      return await explainKill({ ...common, argument, client });
    case "top":
      return await showTop({ ...common, text: argument, client: client() });
    case "events":
      return await writeEvents({ ...common, container: argument, client });
    case "list":
      return await listContainers({
        ...common,
        container: argument,
        client: client(),
      });
    case "inspect":
      if (argument === undefined) {
        throw new UsageError(
          'Expected a container, such as "inspect web" or "inspect /system.slice"',
        );
      }
      return await inspectContainer(argument, { ...common, client: client() });
    case "machine":
      return await writeMachine({ ...common, client: client() });
    case "check":
      return await checkHost({ ...common, env, client });
    case "version":
      return await writeVersion(command, version, terminal, client);
    case "completion":
      return terminal.write(`${completion(shellOf(argument))}\n`);
    case "help":
      return await writeHelp(command, version, terminal);
  }
}

function shellOf(argument: string | undefined): typeof SHELLS[number] {
  const shell = SHELLS.find((known) => known === argument);
  if (shell !== undefined) return shell;
  throw new UsageError(
    `Expected one of ${SHELLS.join(", ")}${
      argument === undefined ? "" : `, not "${argument}"`
    }, such as "completion bash"`,
  );
}

async function writeVersion(
  { values }: OtherCommand,
  version: string,
  terminal: Terminal,
  client: () => AgentClient,
): Promise<void> {
  // Packages and users often run it before an agent runs.
  const agent: string | undefined = values.has("server")
    ? JSON.parse(await client().text("/api/v2.1/version"))
    : undefined;
  if (values.choice("output") !== "table") {
    terminal.write(`${JSON.stringify({ version, agent })}\n`);
    return;
  }
  terminal.write(`cgwatch ${version}\n`);
  if (agent !== undefined) {
    terminal.write(`agent ${escapeControlCharacters(agent)}\n`);
  }
}

async function writeHelp(
  { argument, values }: OtherCommand,
  version: string,
  terminal: Terminal,
): Promise<void> {
  const verb = argument === undefined ? undefined : knownVerb(argument);
  if (values.bool("openapi")) {
    // Loaded on demand: it has the whole API.
    const { openApiDocument } = await import("../api/openapi.ts");
    const json = JSON.stringify(openApiDocument(version), null, 2);
    terminal.write(`${json}\n`);
  } else if (values.bool("man")) terminal.write(`${manPage(version)}\n`);
  else terminal.write(`${helpText(verb)}\n`);
}
