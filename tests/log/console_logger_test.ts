import { assertEquals } from "@std/assert";
import {
  type ConsoleLoggerOptions,
  createConsoleLogger,
} from "../../lib/log/console_logger.ts";
import type { Logger } from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function logged(
  options: Partial<ConsoleLoggerOptions>,
  say: (logger: Logger) => void,
): string[] {
  const lines: string[] = [];
  say(createConsoleLogger({
    level: "debug",
    format: "text",
    clock: new FakeClock(),
    write: (line) => lines.push(line),
    ...options,
  }));
  return lines;
}

Deno.test("createConsoleLogger() writes time, level, message and fields on one line", () => {
  assertEquals(
    logged({}, (logger) =>
      logger.warn("Cannot read cgroup, skipping", {
        container: "/x",
        error: "No such device (os error 19)",
        attempt: 2,
      })),
    [
      "2026-11-23T06:31:13.123Z WARN  Cannot read cgroup, skipping container=/x " +
      'error="No such device (os error 19)" attempt=2\n',
    ],
  );
});

Deno.test("createConsoleLogger() aligns messages of all levels", () => {
  const lines = logged({}, (logger) => {
    logger.debug("x");
    logger.info("x");
    logger.warn("x");
    logger.error("x");
  });
  assertEquals(
    lines.map((line) => line.slice(25)),
    ["DEBUG x\n", "INFO  x\n", "WARN  x\n", "ERROR x\n"],
  );
});

Deno.test("createConsoleLogger() omits messages below its level", () => {
  const say = (logger: Logger) => {
    logger.debug("d");
    logger.info("i");
    logger.warn("w");
    logger.error("e");
  };
  assertEquals(logged({ level: "warn" }, say).length, 2);
  assertEquals(logged({ level: "error" }, say).length, 1);
});

Deno.test("createConsoleLogger() in text quotes ambiguous values", () => {
  const [line] = logged({}, (logger) =>
    logger.info("m", {
      empty: "",
      equals: "a=b",
      lines: "a\nb",
      terminal: "\x1b[31m\x9b\x7f",
      list: [1, "a"],
      error: new Error("no luck"),
      big: 5n,
      nothing: null,
      absent: undefined,
    }));
  assertEquals(
    line?.slice(31),
    'm empty="" equals="a=b" lines="a\\nb" terminal="\\u001b[31m\\u009b\\u007f" ' +
      'list=[1,"a"] error="no luck" big="5" nothing=null\n',
  );
});

Deno.test("createConsoleLogger() in json writes one object per line", () => {
  const [line] = logged(
    { format: "json" },
    (logger) =>
      logger.error("Cannot open", {
        path: "/x",
        error: new Error("no\nluck"),
        absent: undefined,
      }),
  );
  assertEquals(
    line,
    '{"time":"2026-11-23T06:31:13.123Z","level":"error","msg":"Cannot open",' +
      '"path":"/x","error":"no\\nluck"}\n',
  );
});

Deno.test("createConsoleLogger() in json does not let fields override time, level or message", () => {
  const [line] = logged(
    { format: "json" },
    (logger) =>
      logger.info("said", { time: 0, level: "x", msg: "y", other: 1 }),
  );
  assertEquals(JSON.parse(line ?? ""), {
    time: "2026-11-23T06:31:13.123Z",
    level: "info",
    msg: "said",
    other: 1,
  });
});

Deno.test("createConsoleLogger() logs the other fields if one cannot be serialized", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  for (const format of ["text", "json"] as const) {
    const [line] = logged(
      { format },
      (logger) => logger.info("m", { circle, odd: () => {}, other: 1 }),
    );
    assertEquals(line?.includes("object Object"), true);
    assertEquals(/other["=:]+1/.test(line ?? ""), true);
  }
});
