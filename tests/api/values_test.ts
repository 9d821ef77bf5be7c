import { assertEquals, assertThrows } from "@std/assert";
import {
  parseBoolean,
  parseSeq,
  parseTime,
  readValue,
} from "../../lib/api/values.ts";
import { BadRequestError } from "../../lib/model/errors.ts";

Deno.test("parseBoolean() reads the spellings of Go, and no other", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) {
    assertEquals(parseBoolean(text), true, text);
  }
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assertEquals(parseBoolean(text), false, text);
  }
  for (const text of ["", "yes", "tRUE", " true"]) {
    assertThrows(() => parseBoolean(text), Error, "true or false", text);
  }
});

Deno.test("parseTime() reads RFC 3339 with any zone and fraction", () => {
  const ms = Date.UTC(2026, 10, 23, 6, 31, 13);
  assertEquals(parseTime("2026-11-23T06:31:13Z"), ms);
  assertEquals(parseTime("2026-11-23t06:31:13z"), ms);
  assertEquals(parseTime("2026-11-23T08:31:13+02:00"), ms);
  assertEquals(parseTime("2026-11-23T06:31:13.123456Z"), ms + 123.456);
  assertEquals(parseTime("0001-01-01T00:00:00Z"), undefined);
});

Deno.test("parseTime() throws on a day that does not exist, and on other forms", () => {
  for (
    const text of [
      "",
      "2026-11-23",
      "2026-11-23 06:31:13Z",
      "2026-11-23T06:31:13",
      "2026-02-30T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-01T25:00:00Z",
      "1700000000",
    ]
  ) assertThrows(() => parseTime(text), Error, "RFC 3339", text);
});

Deno.test("parseSeq() throws on what cannot be the number of an event", () => {
  assertEquals(parseSeq("0"), 0);
  assertEquals(parseSeq("1042"), 1042);
  for (const text of ["", "-1", "1.5", "0x10", "9007199254740993"]) {
    assertThrows(() => parseSeq(text), Error, "seq of an event", text);
  }
});

Deno.test("readValue() repeats only the beginning of a long value", () => {
  const error = assertThrows(
    () => readValue("it", "x".repeat(5000), parseSeq),
    BadRequestError,
  );
  assertEquals(error.message.length < 200, true);
});
