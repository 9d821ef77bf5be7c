import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  countLines,
  cursor,
  FlatKeyed,
  parseSingle,
} from "../../lib/kernfs/keyed.ts";
import { KernfsSyntaxError } from "../../lib/model/errors.ts";
import { SeededRandom } from "../_support/random.ts";
import { recordedFiles } from "../_support/recorded_tree.ts";

/** Returns the encoded text in a buffer with remains of an earlier file. */
function buffer(text: string): [Uint8Array, number] {
  const bytes = new TextEncoder().encode(`${text}-7\n99 max\n:\n`);
  return [bytes, new TextEncoder().encode(text).length];
}

function single(text: string): number {
  return parseSingle(...buffer(text), "memory.current");
}

/** Parses one number per key, in the order of the keys. */
function flat(text: string, keys: readonly string[]): number[] {
  const row = new Float64Array(keys.length).fill(NaN);
  const reader = new FlatKeyed(
    Object.fromEntries(keys.map((key, column) => [key, { column }])),
  );
  reader.parse(...buffer(text), row, "memory.stat");
  return [...row];
}

/** Reference parser for flat keyed files. */
function plainFlat(text: string, keys: readonly string[]): number[] {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [key, value] = line.split(" ");
    if (key) values.set(key, Number(value));
  }
  return keys.map((key) => values.get(key) ?? NaN);
}

Deno.test("FlatKeyed parses recorded memory.stat, cpu.stat and memory.events like the reference parser", () => {
  const files = ["memory.stat", "cpu.stat", "memory.events", "cpuacct.stat"]
    .flatMap((file) => recordedFiles(file));
  assert(files.length >= 20);
  for (const { text } of files) {
    const keys = text.split("\n").map((line) => line.split(" ")[0] ?? "")
      .filter((key) => key !== "");
    assert(keys.length >= 2);
    assertEquals(flat(text, keys), plainFlat(text, keys));
    const some = keys.filter((_, i) => i % 3 === 0);
    assertEquals(flat(text, some), plainFlat(text, some));
  }
});

Deno.test("FlatKeyed reads a recorded memory.stat", () => {
  const text = recordedFiles("memory.stat")
    .find(({ dump }) => dump === "6.1-v2-docker.txt")?.text ?? "";
  assertEquals(
    flat(text, ["anon", "file", "kernel", "inactive_file", "pgfault"]),
    [110592, 40960, 348160, 40960, 6368],
  );
});

Deno.test("FlatKeyed skips unknown keys", () => {
  assertEquals(flat("shmem 9\nanon 7\nzswap 1\n", ["anon"]), [7]);
});

Deno.test("FlatKeyed leaves the columns of missing keys unchanged", () => {
  assertEquals(flat("anon 7\n", ["anon", "file"]), [7, NaN]);
  assertEquals(flat("", ["anon"]), [NaN]);
  assertEquals(flat("\n\n", ["anon"]), [NaN]);
});

Deno.test("FlatKeyed distinguishes a key from its prefixes, suffixes and extensions", () => {
  const text = "anon_thp 1\nanon 2\nfile_anon 3\nano 4\nanonx 5\n";
  assertEquals(flat(text, ["anon"]), [2]);
  assertEquals(flat(text, ["anon_thp", "ano"]), [1, 4]);
});

Deno.test("FlatKeyed distinguishes keys with the same hash", () => {
  // 31 · "A" + "a" = 31 · "B" + "B"
  assertEquals(flat("Aa 1\nBB 2\n", ["Aa"]), [1]);
  assertEquals(flat("BB 2\nAa 1\n", ["Aa"]), [1]);
  assertEquals(flat("AaAa 1\nBBBB 2\nAaBB 3\n", ["BBBB", "AaBB"]), [2, 3]);
  assertEquals(flat("Aa 1\nBB 2\n", ["BB", "Aa"]), [2, 1]);
});

Deno.test("FlatKeyed uses the last of two lines with one key", () => {
  assertEquals(flat("anon 1\nanon 2\n", ["anon"]), [2]);
});

Deno.test("FlatKeyed accepts a missing newline at the end", () => {
  assertEquals(flat("anon 1\nfile 23", ["anon", "file"]), [1, 23]);
});

Deno.test("FlatKeyed multiplies by the key's scale", () => {
  const row = new Float64Array(1);
  new FlatKeyed({ user: { column: 0, scale: 10_000_000 } })
    .parse(...buffer("user 39\nsystem 148\n"), row, "cpuacct.stat");
  assertEquals([...row], [390_000_000]);
});

Deno.test("FlatKeyed reads 5,000 lines", () => {
  const lines = Array.from({ length: 5_000 }, (_, i) => `key_${i} ${i}\n`);
  const text = lines.join("");
  assert(text.length > 64 * 1024);
  assertEquals(flat(text, ["key_0", "key_4999", "key_777"]), [0, 4999, 777]);
});

Deno.test("FlatKeyed throws if a known key has no number, with file and line", () => {
  for (
    const bad of [
      "file",
      "file ",
      "file x",
      "file 12x",
      "file 1.5",
      "file  1",
      "file 1 2",
      "file 1 ",
      "file +1",
      "file maximum",
      "file 0x10",
      "file 123456789012345678901",
    ]
  ) {
    for (const end of ["", "\n", "\nshmem 1\n"]) {
      const error = assertThrows(
        () => flat(`anon 7\n${bad}${end}`, ["anon", "file"]),
        KernfsSyntaxError,
        `Cannot parse "memory.stat": line ${
          JSON.stringify(bad)
        } has an unexpected format`,
      );
      assertEquals(error.path, "memory.stat");
    }
  }
});

Deno.test("FlatKeyed skips any value of an unknown key", () => {
  const text = "x\ny \nz 1 2 3\n  \n1\nfile\t1\nanon 7\n";
  assertEquals(flat(text, ["anon", "file"]), [7, NaN]);
});

Deno.test("parseSingle() reads the number of a file with one", () => {
  assertEquals(single("4096\n"), 4096);
  assertEquals(single("4096"), 4096);
  assertEquals(single("0\n"), 0);
  assertEquals(single("007\n"), 7);
});

Deno.test("parseSingle() reads the first of several numbers", () => {
  assertEquals(single("20000 100000\n"), 20000);
  assertEquals(single("max 100000\n"), Infinity);
});

Deno.test("parseSingle() reads max as no limit, and a negative number as 0", () => {
  assertEquals(single("max\n"), Infinity);
  assertEquals(single("max"), Infinity);
  assertEquals(single("-1\n"), 0);
  assertEquals(single("-123456789\n"), 0);
});

Deno.test("parseSingle() reads 64-bit numbers within one unit in the last place", () => {
  const random = new SeededRandom(1);
  const numbers = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n]
    .concat([2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 9223372036854771712n]);
  for (let bits = 1; bits <= 64; bits++) {
    for (let i = 0; i < 50; i++) {
      let number = 1n;
      for (let bit = 1; bit < bits; bit++) {
        number = (number << 1n) | BigInt(random.below(2));
      }
      numbers.push(number);
    }
  }
  for (const number of numbers) {
    const right = Number(number);
    const read = single(`${number}\n`);
    const unit = right < 2 ** 53 ? 0 : 2 ** (Math.floor(Math.log2(right)) - 52);
    assert(Math.abs(read - right) <= unit, `${number} is read as ${read}`);
  }
});

Deno.test("parseSingle() throws on invalid numbers, with file and line", () => {
  for (
    const bad of ["", "x", "12x", "-", "--1", "-max", "ma", "maxx", " 1", "1,2"]
  ) {
    const error = assertThrows(
      () => single(`${bad}\n`),
      KernfsSyntaxError,
      `Cannot parse "memory.current": line ${JSON.stringify(bad)} has an`,
    );
    assertEquals(error.path, "memory.current");
  }
  assertThrows(() => single(""), KernfsSyntaxError);
});

Deno.test("parseSingle() truncates an invalid line in the message", () => {
  const error = assertThrows(
    () => single("x".repeat(10_000)),
    KernfsSyntaxError,
  );
  assert(error.message.length < 300);
});

Deno.test("Cursor.decimal() parses like Number()", () => {
  for (let hundredths = 0; hundredths <= 10_000; hundredths++) {
    const text = (hundredths / 100).toFixed(2);
    cursor.reset(...buffer(text), "cpu.pressure");
    assertEquals(cursor.decimal(), Number(text));
  }
});

Deno.test("Cursor.decimal() throws if the fraction is missing", () => {
  for (const bad of ["1.", ".5", "1.5x", "1.5.1", "-1.0", "max", ""]) {
    cursor.reset(...buffer(bad), "cpu.pressure");
    assertThrows(() => cursor.decimal(), KernfsSyntaxError);
  }
});

Deno.test("countLines() counts the tasks of a cgroup.procs", () => {
  assertEquals(countLines(...buffer("")), 0);
  assertEquals(countLines(...buffer("1\n")), 1);
  assertEquals(countLines(...buffer("475\n541\n")), 2);
  assertEquals(countLines(...buffer("475\n541")), 2);
  for (const { text } of recordedFiles("cgroup.procs")) {
    assertEquals(countLines(...buffer(text)), text.split("\n").length - 1);
  }
});
