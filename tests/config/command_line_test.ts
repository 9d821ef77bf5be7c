import { assertEquals, assertThrows } from "@std/assert";
import { parseCommandLine, UsageError } from "../../lib/config/command_line.ts";
import { type Flag, type FlagName, FLAGS } from "../../lib/config/flags.ts";

Deno.test("parseCommandLine() returns serve without arguments", () => {
  assertEquals(parseCommandLine([]), {
    verb: "serve",
    flags: new Map(),
    ignoredFlags: [],
  });
});

Deno.test("parseCommandLine() accepts one or two dashes, and dashes or underscores in names", () => {
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
      ignoredFlags: [],
    });
  }
});

Deno.test("parseCommandLine() returns all values of a repeated flag, including empty ones", () => {
  const { flags } = parseCommandLine([
    "--listen=a",
    "--listen",
    "b",
    "--root=",
  ]);
  assertEquals(flags.get("listen"), ["a", "b"]);
  assertEquals(flags.get("root"), [""]);
});

Deno.test("parseCommandLine() reads a bool without value as true, and does not use the next argument", () => {
  const { verb, flags } = parseCommandLine(["--docker-only", "serve"]);
  assertEquals(verb, "serve");
  assertEquals(flags.get("docker-only"), ["true"]);
  assertEquals(
    parseCommandLine(["-docker_only=false"]).flags.get("docker-only"),
    ["false"],
  );
});

Deno.test("parseCommandLine() accepts a value after = or a space, also an optional one", () => {
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

Deno.test("parseCommandLine() uses the next word as an optional value only if it is one of the choices", () => {
  const { argument, flags } = parseCommandLine(["events", "--follow", "web"]);
  assertEquals([argument, flags.get("follow")], ["web", ["true"]]);
  const ps = parseCommandLine(["--allow-ps", "serve"]);
  assertEquals([ps.verb, ps.flags.get("allow-ps")], ["serve", ["on"]]);
});

Deno.test("parseCommandLine() accepts a single dash, or a text with =, as a value", () => {
  const { flags } = parseCommandLine([
    "--event-log",
    "-",
    "--event-storage-age-limit=default=1h,oom=2h",
  ]);
  assertEquals(flags.get("event-log"), ["-"]);
  assertEquals(flags.get("event-storage-age-limit"), ["default=1h,oom=2h"]);
});

Deno.test("parseCommandLine() recognizes help and version as verbs and as flags", () => {
  assertEquals(parseCommandLine(["help"]).verb, "help");
  assertEquals(parseCommandLine(["version"]).verb, "version");
  assertEquals(parseCommandLine(["serve", "-h"]).verb, "help");
  assertEquals(parseCommandLine(["serve", "-h"]).argument, "serve");
  // Without a verb, help for all verbs is shown, not for serve.
  const { verb, argument } = parseCommandLine(["--root=/x", "--help"]);
  assertEquals([verb, argument], ["help", undefined]);
  assertEquals(parseCommandLine(["-version"]).verb, "version");
});

Deno.test("parseCommandLine() throws for an unknown flag, with the nearest known flag", () => {
  for (
    const [flag, nearest] of [
      ["--evnt-log=x", "--event-log"],
      ["-housekeping_interval", "--housekeeping-interval"],
      ["--listn", "--listen"],
      ["--verson", "--version"],
      ["--event-log-size", "--event-log-sync"],
      ["--kmgs=x", "--kmsg"],
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

Deno.test("parseCommandLine() suggests only what is similar", () => {
  for (
    const [args, hint] of [
      [["--nope"], "the nearest known one is --"],
      [["-q"], "the nearest known one is --"],
      [["-p", "8080"], "the address is --listen=127.0.0.1:8080"],
      [["list", "-p", "8080"], "the agent's address is --server="],
      [["list", "--port=8080"], "the agent's address is --server="],
      [["events", "--nope"], "the flags of events are --"],
      [["nope"], "expected one of serve, explain, top,"],
      [["evnets"], "use cgwatch events ("],
      [["tpo"], "use cgwatch top ("],
    ] as const
  ) {
    assertThrows(() => parseCommandLine(args), UsageError, hint);
  }
});

Deno.test("parseCommandLine() throws for a flag of another tool, with what to use instead", () => {
  for (
    const [args, hint] of [
      [["events", "--pod=x"], "cgwatch events NAME"],
      [["events", "--filter", "x"], "cgwatch events NAME"],
      [["events", "-n", "5"], "cgwatch events | tail -n 20"],
      [["explain", "--at=03:12"], "cgwatch explain 03:12"],
      [["explain", "--event-log=x"], "--file=FILE"],
      [["top", "-n1"], "cgwatch top --once"],
      [["top", "-o", "cpu"], "cgwatch top --once"],
      [["list", "--json"], "cgwatch list -o json"],
      [["--json", "list"], "cgwatch list -o json"],
      [["list", "--wtch"], "the nearest known one is --watch"],
      [["list", "-x"], "the flags of list are --sort, --watch, --output,"],
    ] as const
  ) {
    assertThrows(() => parseCommandLine(args), UsageError, hint);
  }
});

Deno.test("parseCommandLine() accepts a choice directly after a short flag", () => {
  const { flags } = parseCommandLine(["list", "-ojson", "-scpu"]);
  assertEquals([...flags], [["output", ["json"]], ["sort", ["cpu"]]]);
  for (const arg of ["-oxml", "--ojson"]) {
    assertThrows(() => parseCommandLine(["list", arg]), UsageError, arg);
  }
});

Deno.test("parseCommandLine() throws for a flag without its value", () => {
  for (const args of [["--root"], ["--root", "--kmsg=none"]]) {
    assertThrows(
      () => parseCommandLine(args),
      UsageError,
      "Flag --root needs a value, such as --root=/",
    );
  }
});

Deno.test("parseCommandLine() throws for an unknown verb or a second verb", () => {
  assertThrows(
    () => parseCommandLine(["sevre"]),
    UsageError,
    'Unknown verb "sevre": use cgwatch serve (run the agent',
  );
  assertThrows(
    () => parseCommandLine(["frobnicate", "--no-such-flag"]),
    UsageError,
    'Unknown verb "frobnicate": expected one of serve, explain, top,',
  );
  for (
    const [word, verb] of [
      ["ps", "list"],
      ["stats", "top"],
      ["logs", "events"],
      ["why", "explain"],
      ["kmsg", "check"],
      ["lst", "list"],
    ] as const
  ) {
    assertThrows(
      () => parseCommandLine([word, "-f"]),
      UsageError,
      `Unknown verb "${word}": use cgwatch ${verb} (`,
    );
  }
  assertThrows(
    () => parseCommandLine(["serve", "version"]),
    UsageError,
    'Unexpected argument "version" after "serve"',
  );
});

Deno.test("parseCommandLine() returns the argument of a verb, and the verb to show help for", () => {
  assertEquals(parseCommandLine(["inspect", "/a", "-o", "json"]), {
    verb: "inspect",
    argument: "/a",
    flags: new Map([["output", ["json"]]] as const),
    ignoredFlags: [],
  });
  for (const args of [["help", "list"], ["list", "--help"], ["list", "-h"]]) {
    const { verb, argument } = parseCommandLine(args);
    assertEquals([verb, argument], ["help", "list"]);
  }
});

Deno.test("parseCommandLine() throws for a flag of another verb", () => {
  assertThrows(
    () => parseCommandLine(["list", "--event-log=x"]),
    UsageError,
    'Cannot use flag --event-log with "list": expected verb "serve"',
  );
});
