import { assertEquals } from "@std/assert";
import {
  localTimeMatcher,
  parseLocalTime,
} from "../../lib/model/local_time.ts";

/** UTC+01:00. */
const zone = () => 60;
const NOW = Date.parse("2026-11-29T03:30:00Z");

Deno.test("localTimeMatcher() accepts a time of day, with and without date and seconds", () => {
  const ms = Date.parse("2026-11-29T02:12:05.900Z");
  for (
    const text of [
      "03:12",
      "3:12",
      "03:12:05",
      "11-29 03:12",
      "2026-11-29 03:12:05",
      "2026-11-29T03:12",
      "2026-11-29T02:12:05.123456Z",
    ]
  ) assertEquals(localTimeMatcher(text, zone)?.(ms), true, text);
  for (const text of ["02:12", "03:12:06", "11-28 03:12", "2025-11-29 03:12"]) {
    assertEquals(localTimeMatcher(text, zone)?.(ms), false, text);
  }
  for (const text of ["", "web", "312", "2026-11-29", "web:03", "/a/03:12"]) {
    assertEquals(localTimeMatcher(text, zone), undefined, text);
  }
});

Deno.test("parseLocalTime() returns the newest time that is not in the future", () => {
  for (
    const [text, expected] of [
      ["04:00", "2026-11-29T03:00:00Z"],
      ["05:00", "2026-11-28T04:00:00Z"],
      ["4:00:01", "2026-11-29T03:00:01Z"],
      ["11-29 04:00", "2026-11-29T03:00:00Z"],
      ["12-31", "2025-12-30T23:00:00Z"],
      ["2026-11-01", "2026-10-31T23:00:00Z"],
      ["2027-01-01 00:00", "2026-12-31T23:00:00Z"],
      ["2026-11-29T03:00:00Z", "2026-11-29T03:00:00Z"],
      ["today", "2026-11-28T23:00:00Z"],
      ["yesterday", "2026-11-27T23:00:00Z"],
    ] as const
  ) {
    assertEquals(parseLocalTime(text, NOW, zone), Date.parse(expected), text);
  }
  for (const text of ["", "10m", "soon", "25:00", "2026-13-01", "1"]) {
    assertEquals(parseLocalTime(text, NOW, zone), undefined, text);
  }
});
