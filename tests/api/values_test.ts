import { assertEquals, assertThrows } from "@std/assert";
import {
  BOOLEAN,
  DURATION,
  readValue,
  SEQ,
  TIME,
  type ValueType,
} from "../../lib/api/values.ts";
import { BadRequestError } from "../../lib/model/errors.ts";

Deno.test("BOOLEAN.parse() accepts the spellings of Go and no others", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) {
    assertEquals(BOOLEAN.parse(text), true, text);
  }
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assertEquals(BOOLEAN.parse(text), false, text);
  }
  for (const text of ["", "yes", "tRUE", " true"]) {
    assertThrows(() => BOOLEAN.parse(text), Error, "true or false", text);
  }
});

Deno.test("TIME.parse() accepts RFC 3339 with any zone and fraction", () => {
  const ms = Date.UTC(2026, 10, 23, 6, 31, 13);
  assertEquals(TIME.parse("2026-11-23T06:31:13Z"), ms);
  assertEquals(TIME.parse("2026-11-23t06:31:13z"), ms);
  assertEquals(TIME.parse("2026-11-23T08:31:13+02:00"), ms);
  assertEquals(TIME.parse("2026-11-23T06:31:13.123456Z"), ms + 123.456);
  assertEquals(TIME.parse("0001-01-01T00:00:00Z"), undefined);
});

Deno.test("TIME.parse() rejects dates that do not exist and other formats", () => {
  for (
    const text of [
      "",
      "2026-11-23",
      "2026-11-23 06:31:13Z",
      "2026-11-23T06:31:13",
      "2026-02-30T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T23:59:60Z",
      "1700000000",
    ]
  ) assertThrows(() => TIME.parse(text), Error, "RFC 3339", text);
});

Deno.test("SEQ.parse() rejects what is not the seq of an event", () => {
  assertEquals(SEQ.parse("0"), 0);
  assertEquals(SEQ.parse("1042"), 1042);
  for (const text of ["", "-1", "1.5", "0x10", "9007199254740993"]) {
    assertThrows(() => SEQ.parse(text), Error, "seq of an event", text);
  }
});

Deno.test("DURATION.parse() accepts Go's durations, and nothing around them", () => {
  for (
    const [text, ms] of [
      ["0", 0],
      ["-0", 0],
      ["1m30s", 90_000],
      ["+1.5s", 1500],
      ["-.5ms", -0.5],
      ["3\u00b5s", 0.003],
      [`${"9".repeat(20)}h`, Number.MAX_SAFE_INTEGER],
    ] as const
  ) assertEquals(DURATION.parse(text) + 0, ms, text);
  for (
    const text of ["", "10", " 1s", "1s ", "-+1s", "1d"]
  ) {
    assertThrows(() => DURATION.parse(text), Error, "a duration such as", text);
  }
});

Deno.test("the pattern of a value's schema matches what its parser accepts", () => {
  const accepts = ({ parse }: ValueType<unknown>, text: string) => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const times = [
    "2026-01-01T00:00:00Z",
    "2026-1-1T00:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01t00:00:00.5+23:59",
  ];
  const durations = ["0", "10", "+1s", "-1.s", "1m 30s", ".5h", "1\u03bcs"];
  for (const [type, texts] of [[TIME, times], [DURATION, durations]] as const) {
    const pattern = new RegExp(String(type.schema["pattern"]));
    for (const text of texts) {
      assertEquals(pattern.test(text), accepts(type, text), text);
    }
  }
});

Deno.test("readValue() truncates a long value", () => {
  const error = assertThrows(
    () => readValue("it", "x".repeat(5000), SEQ.parse),
    BadRequestError,
  );
  assertEquals(error.message.length < 200, true);
});
