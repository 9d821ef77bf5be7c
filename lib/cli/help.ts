import { verbsOf } from "../config/command_line.ts";
import { type Flag, FLAGS, type FlagVerb } from "../config/flags.ts";
import { type VerbDescription, VERBS } from "../config/verbs.ts";

/** What `cgwatch --help` prints, and `cgwatch VERB --help`; without the last newline. */
export function helpText(name?: FlagVerb): string {
  const verb = VERBS.find((known) => known.name === name);
  return (verb === undefined ? overview() : helpOf(verb)).join("\n");
}

/** Flags of a verb, in the order of the table. */
export function flagsOf(verb: FlagVerb): readonly Flag[] {
  const flags: readonly Flag[] = FLAGS;
  return flags.filter((flag) => verbsOf(flag).includes(verb));
}

/** How a flag is written, with what stands for its value. */
export function usageOf(flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const value = flag.kind === "bool" && flag.default === "false"
    ? ""
    : ` ${flag.value ?? flag.default ?? ""}`;
  return `${short}--${flag.name}${value}`;
}

function overview(): string[] {
  return [
    "Usage: cgwatch [VERB] [FLAGS]",
    "",
    "Tells of the containers of this machine, and of processes killed for want of memory.",
    "",
    ...table(
      VERBS.map(({ name, argument = "", help }) => [
        `${name} ${argument}`.trim(),
        help,
      ]),
    ),
    "",
    ...wrap(
      `Flags of serve: ${
        shownFlags("serve").map(({ name }) => `--${name}`).join(", ")
      }.`,
      88,
    ),
    "",
    "cgwatch VERB --help tells a verb's flags. All verbs but serve, check and help ask a",
    "running agent: --server 127.0.0.1:8080, unix:/path or https://host:port.",
    "Every flag is also an environment variable: --event-log is CGWATCH_EVENT_LOG.",
    "Exit status: 0 done, 1 failed while running, 2 wrong use.",
  ];
}

function helpOf(verb: VerbDescription): string[] {
  const { name, argument, help, example } = verb;
  const flags = shownFlags(name);
  const lines = [
    `Usage: cgwatch ${
      [name, argument].filter(Boolean).join(" ")
    } [FLAGS]   ${help}`,
    "",
    ...table(flags.map((flag) => [usageOf(flag), flag.help])),
    "",
  ];
  if (name === "serve") {
    lines.push(
      "Durations are 300ms, 10s, 1m30s; sizes 64MiB, 10MB. A flag wins over its variable,",
      "--event-log over CGWATCH_EVENT_LOG, that over --config. The man page (cgwatch help",
      "--man) has more. cAdvisor's other flags are accepted.",
    );
  }
  return [...lines, `Example: ${example}`];
}

function shownFlags(verb: FlagVerb): readonly Flag[] {
  return flagsOf(verb).filter(({ minor }) => minor !== true);
}

/** Lines of a text of at most so many characters, broken at blanks. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  // A default that is long must not push all help to the right.
  const width = Math.min(44, Math.max(...rows.map(([left]) => left.length))) +
    2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}
