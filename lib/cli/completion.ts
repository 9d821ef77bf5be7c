import { type Flag, FLAGS } from "../config/flags.ts";
import { type VerbDescription, VERBS } from "../config/verbs.ts";
import { flagsOf } from "./help.ts";

/** Supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

const FILE_REGEXP = /file$|^(?:config|event-log|kmsg|root|tls-.*|.*-root)$/;

/** Builds a completion script from the flag tables. */
export function completion(shell: typeof SHELLS[number]): string {
  return { bash, zsh, fish }[shell]();
}

function bash(): string {
  const verbs = VERBS.map(({ name }) => name).join(" ");
  const choices = new Map(
    (FLAGS as readonly Flag[])
      .filter(({ choices }) => choices !== undefined)
      .map((flag) => [spellings(flag).join("|"), flag.choices?.join(" ")]),
  );
  const files = (FLAGS as readonly Flag[])
    .filter(({ name }) => FILE_REGEXP.test(name)).flatMap(spellings).join("|");
  const words = VERBS.flatMap((verb) => {
    const words = wordsOf(verb);
    return words === undefined ? [] : [[verb.name, words.join(" ")]];
  });
  return `_cgwatch() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} verb=serve flags= words= w
  # Bash splits words at "=", which is a word of its own then.
  if [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if [[ $word == = ]]; then word=; fi
  for w in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $w in ${verbs.replaceAll(" ", "|")}) verb=$w; break ;; esac
  done
  case $before in
${
    [...choices].map(([names, words]) =>
      `    ${names}) COMPREPLY=($(compgen -W "${words}" -- "$word")); return ;;`
    ).join("\n")
  }
    ${files}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case $verb in
${
    VERBS.map(({ name }) =>
      `    ${name}) flags="${flagsOf(name).flatMap(spellings).join(" ")}" ;;`
    ).join("\n")
  }
  esac
  case $verb in
${words.map(([name, list]) => `    ${name}) words="${list}" ;;`).join("\n")}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags --help" -- "$word"))
  elif ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${verbs}" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -F _cgwatch cgwatch`;
}

function zsh(): string {
  return `#compdef cgwatch
_cgwatch() {
  local -a verbs
  verbs=(
${VERBS.map(({ name, help }) => `    ${quote(`${name}:${help}`)}`).join("\n")}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe verb verbs
    return
  fi
  case $words[2] in
${
    VERBS.filter(({ name }) => name !== "serve").map((verb) =>
      `    ${verb.name}) ${zshArguments(verb)} ;;`
    ).join("\n")
  }
    *) ${zshArguments(VERBS[0])} ;;
  esac
}
compdef _cgwatch cgwatch`;
}

function zshArguments(verb: VerbDescription | undefined): string {
  if (verb === undefined) return "";
  const specs = flagsOf(verb.name).flatMap((flag) =>
    spellings(flag).map((name) => quote(zshSpec(flag, name)))
  );
  const words = wordsOf(verb);
  const rest = quote(
    words === undefined ? "*: :_default" : `2:word:(${words.join(" ")})`,
  );
  return `_arguments ${[...specs, rest].join(" ")}`;
}

function zshSpec({ kind, choices, help }: Flag, name: string): string {
  const text = help.replaceAll(/[[\]:]/g, " ");
  const equals = name.startsWith("--") && kind !== "bool" ? "=" : "";
  const value = kind === "bool"
    ? ""
    : choices === undefined
    ? ":value:_files"
    : `:value:(${choices.join(" ")})`;
  return `${name}${equals}[${text}]${value}`;
}

function fish(): string {
  const verbs = VERBS.map(({ name }) => name).join(" ");
  const lines = VERBS.flatMap((verb) => {
    const { name, help } = verb;
    const isVerb = quote(
      name === "serve"
        ? `not __fish_seen_subcommand_from ${verbs.replace("serve ", "")}`
        : `__fish_seen_subcommand_from ${name}`,
    );
    return [
      `complete -c cgwatch -n "not __fish_seen_subcommand_from ${verbs}" -a ${name} -d ${
        quote(help)
      }`,
      ...(wordsOf(verb) ?? []).map((word) =>
        `complete -c cgwatch -n ${isVerb} -a ${word}`
      ),
      ...flagsOf(name).map((flag) =>
        `complete -c cgwatch -n ${isVerb} ${fishSpec(flag)}`
      ),
    ];
  });
  return ["complete -c cgwatch -f", ...lines].join("\n");
}

function fishSpec({ name, short, kind, choices, help }: Flag): string {
  const value = kind === "bool"
    ? ""
    : choices !== undefined
    ? ` -x -a ${quote(choices.join(" "))}`
    : FILE_REGEXP.test(name)
    ? " -r -F"
    : " -x";
  const letter = short === undefined ? "" : ` -s ${short}`;
  return `-l ${name}${letter}${value} -d ${quote(help)}`;
}

function wordsOf({ name }: VerbDescription): readonly string[] | undefined {
  if (name === "help") return VERBS.map(({ name }) => name);
  return name === "completion" ? SHELLS : undefined;
}

function spellings({ name, short }: Flag): string[] {
  return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
