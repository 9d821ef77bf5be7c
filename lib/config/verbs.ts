import type { FlagVerb } from "./flags.ts";

/** A verb in `--help`. */
export interface VerbDescription {
  readonly name: FlagVerb;
  /** Placeholder. */
  readonly argument?: string;
  readonly help: string;
  /** A command line. */
  readonly example: string;
}

/** All verbs in the order of `--help`. */
export const VERBS: readonly VerbDescription[] = [
  {
    name: "serve",
    help: "run the agent; the default without a verb",
    example: "cgwatch --event-log=/var/log/cgwatch/events.ndjson",
  },
  {
    name: "explain",
    argument: "[CONTAINER|SEQ]",
    help: "explain an OOM kill, or list OOM kills",
    example: "cgwatch explain --last",
  },
  {
    name: "top",
    help: "live view of container resource usage",
    example: "cgwatch top --sort=memory --filter=type:docker",
  },
  {
    name: "events",
    argument: "[CONTAINER]",
    help: "print stored events; with --follow, stream new ones",
    example: "cgwatch events --since=1h --type=oomKill --follow",
  },
  {
    name: "list",
    argument: "[CONTAINER]",
    help: "list containers and their resource usage",
    example: "cgwatch list --watch --sort=memory",
  },
  {
    name: "inspect",
    argument: "CONTAINER",
    help: "print limits and usage of one container",
    example: "cgwatch inspect /system.slice/cron.service",
  },
  {
    name: "machine",
    help: "print information about the agent's machine",
    example: "cgwatch machine -o json",
  },
  {
    name: "check",
    help: "check what the agent can read, and suggest fixes",
    example: "cgwatch check",
  },
  {
    name: "version",
    help: "print the version; with --server, also the agent's",
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
    help: "print this help, or the flags of a verb",
    example: "cgwatch help events",
  },
];
