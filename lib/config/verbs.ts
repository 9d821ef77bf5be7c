import type { FlagVerb } from "./flags.ts";

/** What can be done, and what `--help` says of it. */
export interface VerbDescription {
  readonly name: FlagVerb;
  /** What may follow that is no flag, as help shows it. */
  readonly argument?: string;
  /** What it does, in a few words. */
  readonly help: string;
  /** A command line that is worth knowing. */
  readonly example: string;
}

/** All verbs, in the order of `--help`. */
export const VERBS: readonly VerbDescription[] = [
  {
    name: "serve",
    help: "run the agent; what happens where no verb is said",
    example: "cgwatch --event-log=/var/log/cgwatch/events.ndjson",
  },
  {
    name: "events",
    argument: "[CONTAINER]",
    help: "tell what happened, and go on telling",
    example: "cgwatch events --since=1h --type=oomKill --follow",
  },
  {
    name: "list",
    argument: "[CONTAINER]",
    help: "the containers and what each uses",
    example: "cgwatch list --watch --sort=memory",
  },
  {
    name: "inspect",
    argument: "CONTAINER",
    help: "all that is known of one container",
    example: "cgwatch inspect /system.slice/cron.service",
  },
  {
    name: "machine",
    help: "what machine this is",
    example: "cgwatch machine -o json",
  },
  {
    name: "check",
    help: "what the agent may see here, what not, and what grants it",
    example: "cgwatch check",
  },
  {
    name: "version",
    help: "this program's version; with --server the agent's too",
    example: "cgwatch version --server=unix:/run/cgwatch/cgwatch.sock",
  },
  {
    name: "help",
    argument: "[VERB]",
    help: "this, or the flags of a verb",
    example: "cgwatch help events",
  },
];
