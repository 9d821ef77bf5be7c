import { assert, assertEquals, assertThrows } from "@std/assert";
import { parsePressure } from "../../../lib/kernfs/cgroup/pressure.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { recordedFiles } from "../../_support/recorded_tree.ts";

/**
 * Returns the eight columns of a pressure file, after two unrelated columns.
 */
function parse(text: string): number[] {
  const row = new Float64Array(10).fill(NaN);
  const bytes = new TextEncoder().encode(text);
  parsePressure(bytes, bytes.length, row, 2, "cpu.pressure");
  assertEquals([...row.subarray(0, 2)], [NaN, NaN]);
  return [...row.subarray(2)];
}

const NONE = [NaN, NaN, NaN, NaN];

Deno.test("parsePressure() reads shares in percent and the total in microseconds", () => {
  const text = recordedFiles("cpu.pressure")
    .find(({ dump }) => dump === "6.1-v2-docker.txt")?.text ?? "";
  assertEquals(
    parse(text),
    [1.49, 0.34, 0.07, 256409, 1.21, 0.27, 0.06, 216199],
  );
});

Deno.test("parsePressure() parses all recorded pressure files as JavaScript does", () => {
  const files = ["cpu", "memory", "io"]
    .flatMap((name) => recordedFiles(`${name}.pressure`));
  assert(files.length >= 15);
  for (const { text } of files) {
    const numbers = [...text.matchAll(/=(\S+)/g)].map(([, n]) => Number(n));
    assertEquals(parse(text), numbers);
  }
});

Deno.test("parsePressure() accepts a missing full line, as in cpu.pressure before Linux 5.13", () => {
  assertEquals(
    parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"),
    [0, 0, 0, 7, ...NONE],
  );
});

Deno.test("parsePressure() skips unknown lines", () => {
  const full = "full avg10=1.00 avg60=2.00 avg300=3.00 total=4";
  assertEquals(parse(`fuller avg10=9\nsome\nsomeone x\n\n${full}`), [
    ...NONE,
    1,
    2,
    3,
    4,
  ]);
  assertEquals(parse(""), [...NONE, ...NONE]);
});

Deno.test("parsePressure() reads a 64-bit total", () => {
  const [, , , total] = parse(
    "some avg10=100.00 avg60=99.99 avg300=0.01 total=18446744073709551615\n",
  );
  assertEquals(total, 18446744073709551615);
});

Deno.test("parsePressure() throws if a known line does not have its four values", () => {
  for (
    const bad of [
      "some ",
      "some avg10=0.00",
      "some avg10=0.00 avg60=0.00 avg300=0.00",
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=",
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=x",
      "some avg10=0.00 avg60=0.00 total=1 avg300=0.00",
      "some avg10=0,00 avg60=0.00 avg300=0.00 total=1",
      "full avg10=-1.00 avg60=0.00 avg300=0.00 total=1",
      "full avg10= avg60=0.00 avg300=0.00 total=1",
    ]
  ) {
    const error = assertThrows(
      () => parse(`${bad}\nsome avg10=0.00\n`),
      KernfsSyntaxError,
      `Cannot parse "cpu.pressure": line ${JSON.stringify(bad)} has an`,
    );
    assertEquals(error.path, "cpu.pressure");
  }
});
