import { assertEquals, assertThrows } from "@std/assert";
import { parseCommandLine, UsageError } from "../../lib/config/command_line.ts";
import { type Flag, type FlagName, FLAGS } from "../../lib/config/flags.ts";

Deno.test("parseCommandLine() serves where nothing is said", () => {
  assertEquals(parseCommandLine([]), {
    verb: "serve",
    flags: new Map(),
    passedOver: [],
  });
});

Deno.test("parseCommandLine() takes dashes and underscores, one or two, for the same", () => {
  for (
    const args of [
      ["--event-log=x"],
      ["-event-log=x"],
      ["--event_log=x"],
      ["-event_log", "x"],
      ["--event-log", "x"],
      ["serve", "--event-log", "x"],
      ["--event-log", "x", "serve"],
    ]
  ) {
    assertEquals(parseCommandLine(args), {
      verb: "serve",
      flags: new Map([["event-log", ["x"]]] as const),
      passedOver: [],
    });
  }
});

Deno.test("parseCommandLine() keeps every text of a flag given twice, also empty ones", () => {
  const { flags } = parseCommandLine([
    "--listen=a",
    "--listen",
    "b",
    "--root=",
  ]);
  assertEquals(flags.get("listen"), ["a", "b"]);
  assertEquals(flags.get("root"), [""]);
});

Deno.test("parseCommandLine() takes a bool without value as true, and no argument after it", () => {
  const { verb, flags } = parseCommandLine(["--docker-only", "serve"]);
  assertEquals(verb, "serve");
  assertEquals(flags.get("docker-only"), ["true"]);
  assertEquals(
    parseCommandLine(["-docker_only=false"]).flags.get("docker-only"),
    ["false"],
  );
});

Deno.test("parseCommandLine() takes a value after = or after a space, also one that may be left out", () => {
  for (const flag of FLAGS as readonly Flag[]) {
    const { name, kind, choices, verbs: [verb] = ["serve"] } = flag;
    const value = choices?.at(-1) ??
      (kind === "bool" ? "false" : kind === "int" ? "7" : "x");
    for (const args of [[`--${name}=${value}`], [`--${name}`, value]]) {
      const { flags } = parseCommandLine([verb ?? "serve", ...args]);
      assertEquals(flags.get(name as FlagName), [value], args.join(" "));
    }
  }
});

Deno.test("parseCommandLine() leaves what is no word of a flag to be an argument", () => {
  const { argument, flags } = parseCommandLine(["events", "--follow", "web"]);
  assertEquals([argument, flags.get("follow")], ["web", ["true"]]);
  const ps = parseCommandLine(["--allow-ps", "serve"]);
  assertEquals([ps.verb, ps.flags.get("allow-ps")], ["serve", ["on"]]);
});

Deno.test("parseCommandLine() takes a lone dash, and a value with = in it, as values", () => {
  const { flags } = parseCommandLine([
    "--event-log",
    "-",
    "--event-storage-age-limit=default=1h,oom=2h",
  ]);
  assertEquals(flags.get("event-log"), ["-"]);
  assertEquals(flags.get("event-storage-age-limit"), ["default=1h,oom=2h"]);
});

Deno.test("parseCommandLine() knows help and version as verbs and as flags", () => {
  assertEquals(parseCommandLine(["help"]).verb, "help");
  assertEquals(parseCommandLine(["version"]).verb, "version");
  assertEquals(parseCommandLine(["serve", "-h"]).verb, "help");
  assertEquals(parseCommandLine(["serve", "-h"]).argument, "serve");
  // Without a verb it is the help of all verbs, not of serve.
  const { verb, argument } = parseCommandLine(["--root=/x", "--help"]);
  assertEquals([verb, argument], ["help", undefined]);
  assertEquals(parseCommandLine(["-version"]).verb, "version");
});

Deno.test("parseCommandLine() throws on an unknown flag with the nearest known one", () => {
  for (
    const [flag, nearest] of [
      ["--evnt-log=x", "--event-log"],
      ["-housekeping_interval", "--housekeeping-interval"],
      ["--listn", "--listen"],
      ["--verson", "--version"],
      ["--event-log-size", "--event-log-sync"],
    ] as const
  ) {
    assertThrows(
      () => parseCommandLine([flag]),
      UsageError,
      `Unknown flag "${
        flag.split("=")[0]
      }": the nearest known one is ${nearest}`,
    );
  }
});

Deno.test("parseCommandLine() throws on a flag without its value", () => {
  for (const args of [["--root"], ["--root", "--kmsg=none"]]) {
    assertThrows(
      () => parseCommandLine(args),
      UsageError,
      "Flag --root needs a value, such as --root=/",
    );
  }
});

Deno.test("parseCommandLine() throws on an unknown verb, and on one too many", () => {
  assertThrows(
    () => parseCommandLine(["sevre"]),
    UsageError,
    'Unknown verb "sevre": expected one of serve, explain, top,',
  );
  assertThrows(
    () => parseCommandLine(["serve", "version"]),
    UsageError,
    'Unexpected argument "version" after "serve"',
  );
});

Deno.test("parseCommandLine() takes what follows a verb, and the verb that help is wanted of", () => {
  assertEquals(parseCommandLine(["inspect", "/a", "-o", "json"]), {
    verb: "inspect",
    argument: "/a",
    flags: new Map([["output", ["json"]]] as const),
    passedOver: [],
  });
  for (const args of [["help", "list"], ["list", "--help"], ["list", "-h"]]) {
    const { verb, argument } = parseCommandLine(args);
    assertEquals([verb, argument], ["help", "list"]);
  }
});

Deno.test("parseCommandLine() refuses a flag that is another verb's", () => {
  assertThrows(
    () => parseCommandLine(["list", "--event-log=x"]),
    UsageError,
    'Flag --event-log is none of "list", but of "serve"',
  );
});
