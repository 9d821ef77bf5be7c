import type { OtherCommand } from "../config.ts";
import { UsageError } from "../command_line.ts";
import { VERBS } from "../verbs.ts";
import { helpText } from "./help.ts";

/** What the verbs need besides their flags. */
export interface CliHost {
  /** Writes to stdout, and a newline. */
  readonly print: (text: string) => void;
  /** Of this program. */
  readonly version: string;
}

/**
 * Does what a verb other than `serve` asks for.
 *
 * @throws {UsageError} for what cannot be asked
 * @throws {Error} for what fails
 */
export function runVerb(command: OtherCommand, host: CliHost): void {
  const { verb, argument } = command;
  if (verb === "version") return host.print(`cgwatch ${host.version}`);
  const of = VERBS.find(({ name }) => name === argument)?.name;
  if (argument !== undefined && of === undefined) {
    throw new UsageError(
      `Unknown verb "${argument}": known are ${
        VERBS.map(({ name }) => name).join(", ")
      }`,
    );
  }
  host.print(helpText(of));
}
