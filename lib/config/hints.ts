import type { FlagVerb } from "./flags.ts";

/** Other tools' verbs, and words for a task, with the verb to use here. */
export const VERB_SYNONYMS: ReadonlyMap<string, FlagVerb> = new Map(
  Object.entries(
    {
      explain: "why oom ooms oomkill oomkills kill kills killed oom-kills",
      top: "stats stat usage cpu mem memory htop ctop btop",
      events: "log logs event journal tail watch follow history",
      list: "ps ls lsc containers container pods",
      inspect: "show describe get cat",
      check: "doctor status diagnose health kmsg dmesg test",
      machine: "info host node",
      serve: "run start daemon agent server up",
    } satisfies Partial<Record<FlagVerb, string>>,
  ).flatMap(([verb, words]) =>
    words.split(" ").map((word) => [word, verb as FlagVerb] as const)
  ),
);

/** Replacement of another tool's or verb's flag. */
interface FlagHint {
  readonly verbs: readonly FlagVerb[];
  readonly flags: readonly string[];
  /** `VERB` is the verb. */
  readonly hint: string;
}

const NAMED = ["explain", "events", "list", "inspect"] as const;

const FLAG_HINTS: readonly FlagHint[] = [
  {
    verbs: NAMED,
    flags: ["pod", "container", "name", "id", "unit", "cgroup", "filter"],
    hint: "name the container, pod or cgroup: cgwatch VERB NAME",
  },
  {
    verbs: ["explain"],
    flags: ["since", "until", "at", "time", "date"],
    hint: "name the time: cgwatch explain 03:12",
  },
  {
    verbs: ["explain"],
    flags: ["list", "all", "type", "l"],
    hint: "cgwatch explain lists all OOM kills",
  },
  {
    verbs: ["explain", "events"],
    flags: ["event-log", "log"],
    hint: "an event log is read with --file=FILE",
  },
  {
    verbs: ["events"],
    flags: ["n", "tail", "lines", "limit", "until"],
    hint: "for the last 20: cgwatch events | tail -n 20",
  },
  {
    verbs: ["explain", "list", "inspect"],
    flags: ["follow"],
    hint: "cgwatch events --follow prints new events",
  },
  {
    verbs: ["top"],
    flags: ["n", "b", "batch", "no-stream", "iterations", "output", "json"],
    hint:
      "cgwatch top --once prints one table, cgwatch list -o json prints JSON",
  },
  {
    verbs: ["top"],
    flags: ["pod", "container", "name", "id", "type"],
    hint: "name it: cgwatch top web, type:docker or pod:web",
  },
  {
    verbs: [...NAMED, "machine", "check", "version"],
    flags: ["json", "format"],
    hint: "cgwatch VERB -o json prints JSON",
  },
  {
    verbs: ["serve"],
    flags: ["p", "bind", "address", "addr", "web.listen-address"],
    hint: "the address is --listen=127.0.0.1:8080",
  },
  {
    verbs: [...NAMED, "top", "machine", "check", "version"],
    flags: ["p", "port", "listen", "host", "address", "url"],
    hint:
      "the agent's address is --server=127.0.0.1:8080, that of serve is --listen",
  },
  {
    verbs: ["serve"],
    flags: ["V"],
    hint: "cgwatch version prints the version",
  },
  {
    verbs: ["list"],
    flags: ["all", "a"],
    hint: "cgwatch list prints all containers",
  },
];

/** Returns a flag's replacement, by name without dashes. */
export function flagHint(verb: FlagVerb, flag: string): string | undefined {
  return FLAG_HINTS.find(({ verbs, flags }) =>
    verbs.includes(verb) && flags.includes(flag)
  )?.hint.replaceAll("VERB", verb);
}
