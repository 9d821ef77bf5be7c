import type { FlagVerb } from "./flags.ts";

/** A verb in `--help`. */
export interface VerbDescription {
  readonly name: FlagVerb;
  /** Placeholder. */
  readonly argument?: string;
  /** Placeholder's meaning, in the verb's help. */
  readonly argumentHelp?: string;
  readonly help: string;
  readonly example: string;
}

const NAME_HELP =
  "NAME is that of a container, pod, systemd unit or cgroup, or an ID. With a leading slash it is a cgroup.";

/** In the order of `--help`. */
export const VERBS: readonly VerbDescription[] = [
  {
    name: "serve",
    help: "run the agent; the default without a verb",
    example: "cgwatch --event-log=/var/log/cgwatch/events.ndjson",
  },
  {
    name: "explain",
    argument: "[NAME|SEQ|TIME]",
    argumentHelp:
      "NAME is that of a container, pod, systemd unit, cgroup or process. SEQ is the number of an event. TIME is a local time: 03:12, 03:12:05 or 11-29 03:12.",
    help: "explain an OOM kill, or list OOM kills",
    example: "cgwatch explain 03:12",
  },
  {
    name: "top",
    argument: "[TEXT]",
    argumentHelp: "TEXT is a filter, as in --filter.",
    help: "live view of container resource usage",
    example: "cgwatch top --sort=memory type:docker",
  },
  {
    name: "events",
    argument: "[NAME]",
    argumentHelp: NAME_HELP,
    help: "print stored events; with --follow, stream new ones",
    example: "cgwatch events shop/web-0 --since=1h --follow",
  },
  {
    name: "list",
    argument: "[NAME]",
    argumentHelp: NAME_HELP,
    help: "list containers and their resource usage",
    example: "cgwatch list --watch --sort=memory",
  },
  {
    name: "inspect",
    argument: "NAME",
    argumentHelp: NAME_HELP,
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
