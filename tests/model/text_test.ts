import { assertEquals } from "@std/assert";
import {
  escapeControlCharacters,
  escapeControlCharactersInJson,
  formatBytes,
  formatLocal,
  formatSpan,
  formatZone,
  padEnd,
  sparkline,
  truncateEnd,
  truncateMiddle,
  widthOf,
  wrap,
} from "../../lib/model/text.ts";

Deno.test("truncateMiddle() omits the middle", () => {
  assertEquals(truncateMiddle("abcdef", 6), "abcdef");
  assertEquals(truncateMiddle("abcdef", 5), "ab…ef");
  assertEquals(truncateMiddle("abcdef", 2), "a…");
  assertEquals(truncateMiddle("abcdef", 1), "…");
});

Deno.test("escapeControlCharacters() escapes characters that move the cursor", () => {
  assertEquals(
    escapeControlCharacters("a\x1b[2J\n\x9b"),
    "a\\x1b[2J\\x0a\\x9b",
  );
});

Deno.test("formatBytes() prints about three digits", () => {
  for (
    const [bytes, wanted] of [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1.0 KiB"],
      [1536, "1.5 KiB"],
      [16 * 2 ** 20, "16.0 MiB"],
      [500 * 2 ** 20, "500 MiB"],
      [3 * 2 ** 40, "3.0 TiB"],
    ] as const
  ) assertEquals(formatBytes(bytes), wanted);
});

Deno.test("escapeControlCharacters() escapes characters that reorder or hide text", () => {
  assertEquals(
    escapeControlCharacters("a\u202eb\u200bc\u2028"),
    "a\\u202eb\\u200bc\\u2028",
  );
  assertEquals(
    escapeControlCharacters("größe 容器 \ud800"),
    "größe 容器 \\ud800",
  );
});

Deno.test("escapeControlCharactersInJson() leaves no control characters, and keeps the value", () => {
  const value = { "a\x9b": "\x7f\u202e\u{e0001}\n容器" };
  const json = escapeControlCharactersInJson(JSON.stringify(value));
  assertEquals(/[\p{Cc}\p{Cf}]/u.test(json), false);
  assertEquals(JSON.parse(json), value);
});

Deno.test("widthOf() counts columns, not characters", () => {
  for (
    const [text, width] of [
      ["abc", 3],
      ["容器", 4],
      ["e\u0301", 1],
      ["🐳", 2],
      [
        "é",
        1,
      ],
    ] as const
  ) assertEquals(widthOf(text), width, text);
  assertEquals(padEnd("容", 4), "容  ");
});

Deno.test("truncateMiddle() and truncateEnd() never split a character or exceed the width", () => {
  assertEquals(truncateMiddle("容器容器", 5), "容…器");
  assertEquals(truncateEnd("容器容器", 5), "容器…");
  for (const text of ["🐳🐳🐳🐳", "a容b器c", "abcdefgh"]) {
    for (let width = 0; width < 10; width++) {
      for (
        const short of [truncateMiddle(text, width), truncateEnd(text, width)]
      ) {
        assertEquals(widthOf(short) <= width, true, `${short} in ${width}`);
        assertEquals(short.isWellFormed(), true);
      }
    }
  }
});

Deno.test("wrap() breaks only at spaces", () => {
  assertEquals(wrap("aa bb cc", 5), ["aa bb", "cc"]);
  assertEquals(wrap("aaaaaaa b", 5), ["aaaaaaa", "b"]);
});

Deno.test("formatLocal() and formatZone() use the zone's time and offset", () => {
  const ms = Date.parse("2026-11-23T23:31:13.123456Z");
  for (
    const [minutes, time, zone] of [
      [0, "2026-11-23 23:31:13.123", "UTC"],
      [60, "2026-11-24 00:31:13.123", "UTC+01:00"],
      [-210, "2026-11-23 20:01:13.123", "UTC-03:30"],
    ] as const
  ) {
    assertEquals(formatLocal(ms, () => minutes), time);
    assertEquals(formatZone(ms, () => minutes), zone);
  }
  assertEquals(formatLocal(NaN), "-");
});

Deno.test("formatSpan() uses the common unit", () => {
  for (
    const [ms, text] of [
      [400, "400 ms"],
      [58_000, "58 s"],
      [720_000, "12 min"],
      [5 * 3_600_000, "5 h"],
      [3 * 86_400_000, "3 days"],
    ] as const
  ) assertEquals(formatSpan(ms), text);
});

Deno.test("sparkline() is relative to the limit, or the maximum without a limit", () => {
  assertEquals(sparkline([0, 50, 100], 100), "▁▅█");
  assertEquals(sparkline([0, 50, 100], 200), "▁▃▅");
  assertEquals(sparkline([0, 50]), "▁█");
  assertEquals(sparkline([0, 0]), "▁▁");
});
