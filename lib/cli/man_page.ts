import { IGNORED_FLAGS } from "../config/cadvisor_flags.ts";
import type { Flag } from "../config/flags.ts";
import { VERBS } from "../config/verbs.ts";
import { groupsOf, usageOf } from "./help.ts";

/** Returns roff without the last newline. */
export function manPage(version: string): string {
  return [
    `.TH CGWATCH 1 "" "cgwatch ${escape(version)}" "User Commands"`,
    ".SH NAME",
    "cgwatch \\- watch the containers of a machine, and record OOM kills",
    ".SH SYNOPSIS",
    ...VERBS.map(({ name, argument = "" }) =>
      `.B cgwatch ${name}\n${escape(argument)} [FLAGS]\n.br`
    ),
    ".SH DESCRIPTION",
    "Without a verb it runs the agent, as",
    ".B serve",
    "does. All other verbs but check, completion and help send requests to a running agent.",
    "A flag takes precedence over its environment variable",
    "(\\-\\-event\\-log over CGWATCH_EVENT_LOG), that over the file of \\-\\-config, and that over the default.",
    "Durations are 300ms, 10s, 1m30s, 24h; sizes 64MiB, 10MB or plain bytes.",
    ...VERBS.flatMap(({ name, help, argumentHelp, example }) => [
      `.SH ${name.toUpperCase()}`,
      `${escape(help)}.`,
      ...(argumentHelp === undefined ? [] : [escape(argumentHelp)]),
      ...[...groupsOf(name)].flatMap(([title, flags]) => [
        ...(title === "" ? [] : [`.SS ${title}`]),
        ...flags.flatMap(entry),
      ]),
      ".PP",
      "Example:",
      ".B " + escape(example),
    ]),
    ".SH CADVISOR",
    "These flags of cAdvisor are accepted and ignored with one warning:",
    `${
      [...IGNORED_FLAGS.keys()].map((name) =>
        escape(`-${name.replaceAll("-", "_")}`)
      )
        .join(", ")
    }.`,
    ".SH EXIT STATUS",
    "0 success; 1 failure while running; 2 invalid usage.",
    ".SH SIGNALS",
    "SIGTERM and SIGINT stop the agent within 2 s. SIGHUP reopens the event log and reloads the tokens.",
  ].join("\n");
}

function entry(flag: Flag): string[] {
  const { help, value, default: fallback } = flag;
  const also = value !== undefined && fallback !== undefined
    ? ` (${fallback})`
    : "";
  return [".TP", `.B ${escape(usageOf(flag))}`, escape(help + also)];
}

/**
 * In roff, dashes are hyphens, backslashes and leading dots start commands,
 * bytes are Latin-1.
 */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1")
    .replace(
      /\P{ASCII}/gu,
      (char) =>
        `\\[u${
          char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")
        }]`,
    );
}
