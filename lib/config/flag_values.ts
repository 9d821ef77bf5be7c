import { type CommandLine, UsageError, verbsOf } from "./command_line.ts";
import type { ConfigFile, ConfigHost } from "./config_file.ts";
import {
  parseStoragePolicy,
  type StoragePolicy,
} from "../events/storage_policy.ts";
import {
  type Flag,
  type FlagName,
  FLAGS,
  type FlagVerb,
  METRIC_KINDS,
  type MetricKind,
} from "./flags.ts";
import { messageOf } from "../model/errors.ts";
import {
  type ListenAddress,
  parseListenAddress,
} from "../model/listen_address.ts";
import { parseLocalTime } from "../model/local_time.ts";
import { parseDuration, parseSize } from "../model/units.ts";

type ChoiceFlag = Extract<typeof FLAGS[number], { readonly kind: "choice" }>;
type ChoiceOf<N extends string> = Extract<
  ChoiceFlag,
  { readonly name: N }
>["choices"][number];

interface Given {
  readonly values: readonly string[];
  /** `--flag`, `CGWATCH_FLAG`, `FILE: "flag"`, or `default`. */
  readonly origin: string;
}

/**
 * Flag values, by precedence of command line, environment, file of `--config`,
 * and defaults. Methods throw a {@linkcode UsageError} with the flag, variable
 * or key, the value and the expected format.
 */
export class FlagValues {
  readonly #flags: CommandLine["flags"];
  readonly #host: ConfigHost;
  readonly #file: ConfigFile | undefined;

  constructor(
    flags: CommandLine["flags"],
    host: ConfigHost,
    file?: ConfigFile,
  ) {
    this.#flags = flags;
    this.#host = host;
    this.#file = file;
  }

  /** Whether any source sets the flag. */
  has(name: FlagName): boolean {
    return this.#given(name).origin !== DEFAULT;
  }

  /** Parses all flags of a verb, so that errors occur first. */
  validate(verb: FlagVerb): void {
    for (const flag of FLAGS) {
      if (!verbsOf(flag).includes(verb) || !this.has(flag.name)) continue;
      if (flag.kind === "bool") this.bool(flag.name);
      else if (flag.kind === "duration") this.duration(flag.name);
      else if (flag.kind === "since") this.since(flag.name, 0);
      else if (flag.kind === "choice") this.choice(flag.name);
      else if (flag.kind === "path") this.path(flag.name);
    }
  }

  /** For `--print-config`. */
  describe(
    name: FlagName,
  ): { value: string | readonly string[]; from: string } {
    const { values, origin } = this.#given(name);
    return {
      value: values.length > 1 ? values : values[0] ?? "",
      from: origin,
    };
  }

  text(name: FlagName): string {
    return this.#read(name, (text) => text);
  }

  path(name: FlagName): string {
    return this.#read(name, (text) => {
      if (text === "") throw new RangeError("empty value, expected a path");
      return text;
    });
  }

  /** Returns an empty string, or a leading but no trailing slash. */
  urlPath(name: FlagName): string {
    return this.#read(name, (text) => {
      const path = text.replace(/\/+$/, "");
      if (path === "" || /^(?:\/[\w.~-]+)+$/.test(path)) return path;
      throw new RangeError(
        `invalid path "${text}", expected for example /metrics`,
      );
    });
  }

  /** `undefined` for an empty string. */
  optional(name: FlagName): string | undefined {
    return this.text(name) || undefined;
  }

  /** Accepts paths with or without `unix://`. */
  socket(name: FlagName): string {
    return this.#read(name, (text) => {
      const [, path] = /^(?:unix:\/\/)?(\/.+)$/.exec(text) ?? [];
      if (path !== undefined) return path;
      throw new RangeError(`invalid socket "${text}", expected unix:///path`);
    });
  }

  /** Also accepts Go's `1`, `t`, `0` and `f`. */
  bool(name: FlagName): boolean {
    return this.#read(name, (text) => {
      if (/^(?:1|t|true)$/i.test(text)) return true;
      if (/^(?:0|f|false)$/i.test(text)) return false;
      throw new RangeError(`invalid value "${text}", expected true or false`);
    });
  }

  choice<N extends ChoiceFlag["name"]>(name: N): ChoiceOf<N> {
    const flag: Flag | undefined = FLAGS.find((known) => known.name === name);
    const choices = (flag?.choices ?? []) as readonly ChoiceOf<N>[];
    return this.#read(name, (text) => {
      const choice = choices.find((known) => known === text);
      if (choice !== undefined) return choice;
      // As users write it: CPU, %cpu, mem.
      const word = text.toLowerCase().replaceAll("%", "");
      const similar = choices.filter((known) => known.startsWith(word));
      const isTyped = flag !== undefined && !verbsOf(flag).includes("serve");
      const [only] = similar;
      if (
        isTyped && word !== "" && similar.length === 1 && only !== undefined
      ) {
        return only;
      }
      throw new RangeError(
        `invalid value "${text}", expected one of ${choices.join(", ")}`,
      );
    });
  }

  int(name: FlagName): number {
    return this.#number(name, (text) => {
      const value = Number(text);
      if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
      throw new RangeError(`invalid number "${text}", expected an integer`);
    });
  }

  /** Bytes. */
  size(name: FlagName): number {
    return this.#number(name, parseSize);
  }

  /** Milliseconds. */
  duration(name: FlagName): number {
    return this.#number(name, parseDuration);
  }

  /** Returns a local time, or a duration before now, in milliseconds since the epoch. */
  since(name: FlagName, nowMs: number): number {
    return this.#read(name, (text) => {
      const timeMs = parseLocalTime(text, nowMs);
      if (timeMs !== undefined) return timeMs;
      try {
        return nowMs - parseDuration(text);
      } catch (cause) {
        throw new RangeError(
          `invalid time "${text}", expected a duration such as 10m or 24h, or a time such as 03:12, "2026-11-29 03:12", today or yesterday`,
          { cause },
        );
      }
    });
  }

  /** Milliseconds, `always` or `never`. */
  sync(name: FlagName): number | "always" | "never" {
    return this.#read(name, (text) => {
      if (text === "always" || text === "never") return text;
      const intervalMs = parseDuration(text);
      if (intervalMs > 0) return intervalMs;
      throw new RangeError(
        `invalid value "${text}", expected an interval such as 1s, always or never`,
      );
    });
  }

  list(name: FlagName): string[] {
    return this.#given(name).values.flatMap((text) => text.split(","))
      .map((part) => part.trim()).filter((part) => part !== "");
  }

  /** At least one. */
  addresses(name: FlagName): ListenAddress[] {
    const parts = this.list(name);
    if (parts.length === 0) {
      this.#fail(name, "no address, expected for example 127.0.0.1:8080");
    }
    return parts.map((part) => this.#try(name, () => parseListenAddress(part)));
  }

  metricKinds(name: FlagName): Set<MetricKind> {
    return new Set(
      this.list(name).map((text) => {
        const kind = METRIC_KINDS.find((known) => known === text);
        return kind ?? this.#fail(
          name,
          `unsupported metric "${text}", expected one of ${
            METRIC_KINDS.join(", ")
          }`,
        );
      }),
    );
  }

  storagePolicy(ages: FlagName, counts: FlagName): StoragePolicy {
    // First the ages, so that errors name the right flag.
    this.#read(ages, (text) => parseStoragePolicy(text, ""));
    return this.#read(
      counts,
      (text) => parseStoragePolicy(this.text(ages), text),
    );
  }

  #number(name: FlagName, parse: (text: string) => number): number {
    const flag: Flag | undefined = FLAGS.find((known) => known.name === name);
    return this.#read(name, (text) => {
      const value = parse(text);
      const { min = -Infinity, kind } = flag ?? {};
      if (value >= min) return value;
      const unit = kind === "duration" ? "ms" : "";
      throw new RangeError(
        `invalid value "${text}", expected at least ${min}${unit}`,
      );
    });
  }

  #read<T>(name: FlagName, parse: (text: string) => T): T {
    const text = this.#given(name).values.at(-1) ?? "";
    return this.#try(name, () => parse(text));
  }

  #try<T>(name: FlagName, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#fail(name, messageOf(error), error);
    }
  }

  #fail(name: FlagName, reason: string, cause?: unknown): never {
    const { origin } = this.#given(name);
    throw new UsageError(
      `${origin === DEFAULT ? `--${name}` : origin}: ${reason}`,
      { cause },
    );
  }

  #given(name: FlagName): Given {
    const values = this.#flags.get(name);
    if (values !== undefined) return { values, origin: `--${name}` };
    const variable = environmentVariable(name);
    const text = this.#host.env(variable);
    // In pods, Kubernetes sets CGWATCH_PORT=tcp://10.0.0.1:80 if a service is
    // named cgwatch.
    if (text !== undefined && !(name === "port" && text.startsWith("tcp://"))) {
      return { values: [text], origin: variable };
    }
    const inFile = this.#file?.values.get(name);
    if (inFile !== undefined) {
      return { values: inFile, origin: `${this.#file?.path}: "${name}"` };
    }
    const flag: Flag | undefined = FLAGS.find((known) => known.name === name);
    const { default: fallback = "" } = flag ?? {};
    return { values: [fallback], origin: DEFAULT };
  }
}

const DEFAULT = "default";

/** Returns `CGWATCH_EVENT_LOG` for `event-log`. */
export function environmentVariable(name: string): string {
  return `CGWATCH_${name.replaceAll("-", "_").toUpperCase()}`;
}
