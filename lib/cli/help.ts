import { verbsOf } from "../config/command_line.ts";
import {
  type Flag,
  FLAG_GROUPS,
  FLAGS,
  type FlagVerb,
} from "../config/flags.ts";
import { type VerbDescription, VERBS } from "../config/verbs.ts";
import { wrap } from "../model/text.ts";

const WIDTH = 80;
/** Longer ones have their help on the next line. */
const MAX_USAGE = 32;
/** Flags of all client verbs. */
const CONNECTION = "Connection";

/** Without the last newline. */
export function helpText(name?: FlagVerb): string {
  const verb = VERBS.find((known) => known.name === name);
  return (verb === undefined ? overview() : helpOf(verb)).join("\n");
}

/** In the table's order. */
export function flagsOf(verb: FlagVerb): readonly Flag[] {
  const flags: readonly Flag[] = FLAGS;
  return flags.filter((flag) => verbsOf(flag).includes(verb));
}

/** Groups a verb's flags; only `serve` has many groups. */
export function groupsOf(verb: FlagVerb): ReadonlyMap<string, Flag[]> {
  const groups = new Map<string, Flag[]>(verb === "serve" ? [] : [["", []]]);
  const shown = flagsOf(verb);
  let group = "";
  for (const flag of FLAGS as readonly Flag[]) {
    group = FLAG_GROUPS.get(flag.name) ?? group;
    if (!shown.includes(flag)) continue;
    const title = verb === "serve" || group === CONNECTION ? group : "";
    const flags = groups.get(title);
    if (flags === undefined) groups.set(title, [flag]);
    else flags.push(flag);
  }
  return groups;
}

/** With a placeholder for the value. */
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
    "Watches the containers of this machine and records OOM kills.",
    "",
    ...table(
      VERBS.map(({ name, argument = "", help }) => [
        `${name} ${argument}`.trim(),
        help,
      ]),
    ),
    "",
    "  cgwatch explain 03:12           explain the OOM kill at that time",
    "  cgwatch events -f shop/web-0    print stored and new events of a pod",
    "",
    "cgwatch VERB --help lists the flags of a verb, cgwatch serve --help those of the",
    "agent. Most verbs send requests to a running agent: --server=127.0.0.1:8080,",
    "unix:/path or https://host:port. --event-log is CGWATCH_EVENT_LOG as a variable.",
    "Exit status: 0 success, 1 failure while running, 2 invalid usage.",
  ];
}

function helpOf(verb: VerbDescription): string[] {
  const { name, argument, argumentHelp, help, example } = verb;
  const groups = [...groupsOf(name)].map(([title, flags]) =>
    [title, flags.filter(({ minor }) => minor !== true)] as const
  ).filter(([, flags]) => flags.length > 0);
  const usages = groups.flatMap(([, flags]) => flags).map(usageOf);
  const width = usageWidth(usages);
  return [
    `Usage: cgwatch ${[name, argument].filter(Boolean).join(" ")} [FLAGS]`,
    "",
    ...wrap(`${help[0]?.toUpperCase()}${help.slice(1)}.`, WIDTH),
    ...(argumentHelp === undefined ? [] : ["", ...wrap(argumentHelp, WIDTH)]),
    "",
    ...groups.flatMap(([title, flags]) => [
      ...(title === "" ? [] : [`${title}:`]),
      ...table(flags.map((flag) => [usageOf(flag), flag.help]), width),
    ]),
    ...(groups.length === 0 ? [] : [""]),
    ...(name === "serve"
      ? [
        "Durations are 300ms, 10s, 1m30s; sizes 64MiB, 10MB. A flag takes precedence",
        "over its variable (CGWATCH_EVENT_LOG), that over --config. The man page has",
        "more (cgwatch help --man). Other flags of cAdvisor are accepted.",
        "",
      ]
      : []),
    `Example: ${example}`,
  ];
}

function usageWidth(usages: readonly string[]): number {
  return Math.max(
    0,
    ...usages.map((usage) => usage.length).filter((length) =>
      length <= MAX_USAGE
    ),
  );
}

function table(
  rows: readonly (readonly [string, string])[],
  width = usageWidth(rows.map(([left]) => left)),
): string[] {
  const indent = " ".repeat(width + 4);
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, WIDTH - indent.length);
    const below = rest.map((line) => indent + line);
    return left.length > width
      ? [`  ${left}`, indent + first, ...below]
      : [`  ${left.padEnd(width)}  ${first}`, ...below];
  });
}
