import type { FlagVerb } from "./flags.ts";

/** A verb and its description in `--help`. */
export interface VerbDescription {
  readonly name: FlagVerb;
  /** Placeholder of its argument. */
  readonly argument?: string;
  /** Short description. */
  readonly help: string;
  /** Example of a useful command line. */
  readonly example: string;
}

/** All verbs, in the order of `--help`. */
export const VERBS: readonly VerbDescription[] = [
  {
    name: "serve",
    help: "run the agent; the default without a verb",
    example: "cgwatch --event-log=/var/log/cgwatch/events.ndjson",
  },
  {
    name: "explain",
    argument: "[CONTAINER|SEQ]",
    help: "why a process was OOM-killed; or a list of kills",
    example: "cgwatch explain --last",
  },
  {
    name: "top",
    help: "live view: what each container uses now",
    example: "cgwatch top --sort=memory --filter=type:docker",
  },
  {
    name: "events",
    argument: "[CONTAINER]",
    help: "what happened; with --follow new events too",
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
    help: "all limits and numbers of one container",
    example: "cgwatch inspect /system.slice/cron.service",
  },
  {
    name: "machine",
    help: "the machine of the agent",
    example: "cgwatch machine -o json",
  },
  {
    name: "check",
    help: "what the agent can read here; how to grant the rest",
    example: "cgwatch check",
  },
  {
    name: "version",
    help: "the version; with --server also of the agent",
    example: "cgwatch version --server=unix:/run/cgwatch/cgwatch.sock",
  },
  {
    name: "completion",
    argument: "bash|zsh|fish",
    help: "print the completion script of a shell",
    example: 'eval "$(cgwatch completion bash)"',
  },
  {
    name: "help",
    argument: "[VERB]",
    help: "this help, or the flags of a verb",
    example: "cgwatch help events",
  },
];
