import { assert, assertEquals, assertThrows } from "@std/assert";
import { IGNORED_FLAGS } from "../../lib/config/cadvisor_flags.ts";
import { parseCommandLine, verbsOf } from "../../lib/config/command_line.ts";
import { parseConfig, UsageError } from "../../lib/config/config.ts";
import {
  type Flag,
  type FlagKind,
  type FlagName,
  FLAGS,
} from "../../lib/config/flags.ts";
import { environmentVariable } from "../../lib/config/flag_values.ts";

/** A valid and an invalid value per kind; for the other kinds every string is valid. */
const EXAMPLES: Readonly<
  Record<FlagKind, { readonly good: string; readonly bad?: string }>
> = {
  "string": { good: "x" },
  "path": { good: "/x", bad: "" },
  "socket": { good: "unix:///x", bad: "tcp://x" },
  "url-path": { good: "/x", bad: "x" },
  "duration": { good: "90s", bad: "soon" },
  "since": { good: "03:12", bad: "25:00" },
  "size": { good: "1MiB", bad: "64M" },
  "int": { good: "7", bad: "many" },
  "bool": { good: "true", bad: "maybe" },
  "list": { good: "a,b" },
  "choice": { good: "json", bad: "purple" },
  "addresses": { good: "127.0.0.1:1", bad: "8080" },
  "metrics": { good: "cpu", bad: "speed" },
  "ages": { good: "oom=1h", bad: "oom=late" },
  "counts": { good: "oom=5", bad: "oom=many" },
  "sync": { good: "never", bad: "sometimes" },
};

const SERVE: readonly Flag[] = FLAGS.filter((flag: Flag) =>
  verbsOf(flag).includes("serve")
);
/** A flag that is required together with another flag. */
const REQUIRED_FLAGS: Readonly<Record<string, string>> = {
  "tls-cert": "--tls-key=x",
  "tls-key": "--tls-cert=x",
};

function goodOf({ kind, choices }: Flag): string {
  return choices?.[0] ?? EXAMPLES[kind].good;
}

/** Each source of a value: how it sets a flag, and how errors refer to it. */
const SOURCES = [
  {
    name: "flag",
    origin: (flag: Flag) => `--${flag.name}: `,
    parse: (flag: Flag, text: string) =>
      read([`--${flag.name}=${text}`], {}, {}, flag),
  },
  {
    name: "variable",
    origin: (flag: Flag) => `${environmentVariable(flag.name)}: `,
    parse: (flag: Flag, text: string) =>
      read([], { [environmentVariable(flag.name)]: text }, {}, flag),
  },
  {
    name: "key",
    origin: (flag: Flag) => `/c.json: "${flag.name}": `,
    parse: (flag: Flag, text: string) =>
      read(["--config=/c.json"], {}, { [flag.name]: text }, flag),
  },
] as const;

function read(
  args: string[],
  env: Record<string, string>,
  file: Record<string, string>,
  flag: Flag,
): string {
  const command = parseConfig(
    [...args, ...[REQUIRED_FLAGS[flag.name] ?? []].flat(), "--print-config"],
    {
      env: (name) => env[name],
      readText: () => JSON.stringify(file),
    },
  );
  assert(command.verb === "print-config");
  return JSON.parse(command.text)[flag.name].value;
}

for (const { name, origin, parse } of SOURCES) {
  Deno.test(`every flag of serve is parsed as a ${name}, and an invalid value is reported`, () => {
    for (const flag of SERVE) {
      // A file cannot set these flags.
      const isOfFiles = flag.name === "config" || flag.name === "print-config";
      if (isOfFiles) continue;
      assertEquals(parse(flag, goodOf(flag)), goodOf(flag), flag.name);
      const { bad } = EXAMPLES[flag.kind];
      if (bad === undefined) continue;
      assertThrows(() => parse(flag, bad), UsageError, origin(flag));
      if (flag.min === undefined) continue;
      assertThrows(() => parse(flag, "-1"), UsageError, origin(flag));
    }
  });
}

Deno.test("every flag of other verbs is parsed as a flag and as a variable, and an invalid value is reported", () => {
  for (const flag of FLAGS as readonly Flag[]) {
    for (const verb of verbsOf(flag).filter((name) => name !== "serve")) {
      const parse = (args: string[], env: Readonly<Record<string, string>>) =>
        parseConfig([verb, ...args], {
          env: (name) => env[name],
          readText: () => "",
        });
      const ways = (text: string) =>
        [
          [`--${flag.name}: `, [`--${flag.name}=${text}`], {}],
          [`${environmentVariable(flag.name)}: `, [], {
            [environmentVariable(flag.name)]: text,
          }],
        ] as const;
      for (const [origin, args, env] of ways(goodOf(flag))) {
        const command = parse([...args], env);
        assert(command.verb !== "serve" && command.verb !== "print-config");
        const { value, from } = command.values.describe(flag.name as FlagName);
        assertEquals([value, `${from}: `], [goodOf(flag), origin]);
      }
      const { bad } = EXAMPLES[flag.kind];
      if (bad === undefined) continue;
      for (const [origin, args, env] of ways(bad)) {
        assertThrows(() => parse([...args], env), UsageError, origin);
      }
    }
  }
});

Deno.test("every flag without an optional value requires one", () => {
  for (const flag of FLAGS as readonly Flag[]) {
    const verb = verbsOf(flag)[0] ?? "serve";
    const parse = () => parseCommandLine([verb, `--${flag.name}`]);
    if (flag.kind === "bool" || flag.implicitValue !== undefined) parse();
    else {
      assertThrows(parse, UsageError, `Flag --${flag.name} needs a value`);
    }
  }
});

Deno.test("every flag has a unique name and letter, and a valid default", () => {
  const flags: readonly Flag[] = FLAGS;
  const names = flags.flatMap(({ name, short = [] }) => [name, short].flat());
  assertEquals(names.length, new Set(names).size);
  for (const name of names) assertEquals(IGNORED_FLAGS.has(name), false);
  for (const { name, kind, choices, default: fallback } of flags) {
    assert(/^[a-z][a-z-]*$/.test(name), name);
    assertEquals(choices !== undefined, kind === "choice", name);
    if (fallback !== undefined && choices !== undefined) {
      assert(choices.includes(fallback), name);
    }
  }
});

Deno.test("every ignored cAdvisor flag is accepted", () => {
  for (const [name, { isBool }] of IGNORED_FLAGS) {
    const written = `-${name.replaceAll("-", "_")}`;
    const args = isBool ? [written] : [written, "x"];
    const { ignoredFlags, flags } = parseCommandLine([...args, "--kmsg=none"]);
    assertEquals(ignoredFlags, [written]);
    assertEquals([...flags.keys()], ["kmsg"]);
    if (!isBool) assertThrows(() => parseCommandLine([written]), UsageError);
  }
});
