import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { parseDuration, parseSize } from "../../lib/model/units.ts";

Deno.test("parseDuration() parses Go durations", () => {
  const cases: [string, number][] = [
    ["300ms", 300],
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["24h", 86_400_000],
    ["1h0m0s", 3_600_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["2.s", 2000],
    ["+5s", 5000],
    ["0", 0],
    ["0s", 0],
    [" 10s ", 10_000],
  ];
  for (const [text, ms] of cases) assertEquals(parseDuration(text), ms, text);
});

Deno.test("parseDuration() keeps fractions of a millisecond", () => {
  assertAlmostEquals(parseDuration("100us"), 0.1);
  assertAlmostEquals(parseDuration("100\u00b5s"), 0.1);
  assertAlmostEquals(parseDuration("100\u03bcs"), 0.1);
  assertAlmostEquals(parseDuration("250ns"), 0.00025);
});

Deno.test("parseDuration() rejects other formats, and names the expected one", () => {
  for (const text of ["", "5", "s", "5 minutes", "1s2", "1,5s", "5S"]) {
    assertThrows(
      () => parseDuration(text),
      RangeError,
      `Cannot parse duration "${text}": expected a duration such as 300ms, 10s`,
    );
  }
});

Deno.test("parseDuration() names an unknown unit", () => {
  for (const [text, unit] of [["7d", "d"], ["1e3s", "e"], ["1h5x", "x"]]) {
    assertThrows(
      () => parseDuration(`${text}`),
      RangeError,
      `Cannot parse duration "${text}": "${unit}" is not a unit`,
    );
  }
});

Deno.test("parseDuration() rejects negative and too large values", () => {
  assertThrows(
    () => parseDuration("-1s"),
    RangeError,
    'Cannot parse duration "-1s": must not be negative',
  );
  assertThrows(
    () => parseDuration(`${"9".repeat(400)}h`),
    RangeError,
    "too long",
  );
});

Deno.test("parseSize() parses bytes and units of 1000 and 1024", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["1000", 1000],
    ["512B", 512],
    ["10MB", 10_000_000],
    ["10 MB", 10_000_000],
    ["64MiB", 67_108_864],
    ["64mib", 67_108_864],
    ["1.5KiB", 1536],
    ["1kB", 1000],
    ["2GiB", 2 * 2 ** 30],
    ["1TB", 1e12],
  ];
  for (const [text, bytes] of cases) assertEquals(parseSize(text), bytes, text);
});

Deno.test("parseSize() rejects other formats, including an ambiguous unit", () => {
  for (const text of ["", "MiB", "10 apples", "1e6", "64M", "1,5MB"]) {
    assertThrows(
      () => parseSize(text),
      RangeError,
      `Cannot parse size "${text}": expected a size such as 64MiB, 10MB`,
    );
  }
});

Deno.test("parseSize() rejects negative and too large values", () => {
  assertThrows(() => parseSize("-1"), RangeError, "must not be negative");
  assertThrows(() => parseSize("9000000TiB"), RangeError, "too large");
});
