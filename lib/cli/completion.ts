import type { Flag } from "../config/flags.ts";
import { VERBS } from "../config/verbs.ts";
import { flagsOf } from "./help.ts";

/** What makes a shell complete verbs, flags and words that a flag may have; from the tables that help is made of. */
export function completion(shell: "bash" | "zsh"): string {
  return shell === "bash" ? bash() : zsh();
}

function bash(): string {
  const verbs = VERBS.map(({ name }) => name).join(" ");
  const choices = new Map(
    VERBS.flatMap(({ name }) => flagsOf(name))
      .filter(({ choices }) => choices !== undefined)
      .map((flag) => [spellings(flag).join("|"), flag.choices?.join(" ")]),
  );
  return `_cgwatch() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} verb=serve flags= w
  # Bash parts words at "=", which stands alone then.
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
    --*file|--config|--tls-*|--event-log|--kmsg|--*root) COMPREPLY=($(compgen -f -- "$word")); return ;;
    help) COMPREPLY=($(compgen -W "${verbs} --man --completion" -- "$word")); return ;;
  esac
  case $verb in
${
    VERBS.map(({ name }) =>
      `    ${name}) flags="${flagsOf(name).flatMap(spellings).join(" ")}" ;;`
    ).join("\n")
  }
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags --help" -- "$word"))
  elif ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${verbs}" -- "$word"))
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
    VERBS.filter(({ name }) => name !== "serve").map(({ name }) =>
      `    ${name}) ${zshArguments(name)} ;;`
    ).join("\n")
  }
    *) ${zshArguments("serve")} ;;
  esac
}
compdef _cgwatch cgwatch`;
}

function zshArguments(verb: (typeof VERBS)[number]["name"]): string {
  const specs = flagsOf(verb).flatMap((flag) =>
    spellings(flag).map((name) => quote(zshSpec(flag, name)))
  );
  const verbs = VERBS.map(({ name }) => name).join(" ");
  const rest = quote(verb === "help" ? `2:verb:(${verbs})` : "*::");
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

function spellings({ name, short }: Flag): string[] {
  return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
