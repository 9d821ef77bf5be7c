import { assertEquals, assertThrows } from "@std/assert";
import {
  encodeStringField,
  ProtoMessage,
} from "../../lib/runtimes/protobuf.ts";
import { joined, proto } from "../_support/fake_containerd.ts";
import { SeededRandom } from "../_support/random.ts";

Deno.test("ProtoMessage reads numbers, strings, messages and maps; the last value of a repeated field is used", () => {
  const entry = (name: string, value: string) =>
    proto(2, joined(proto(1, name), proto(2, value)));
  const message = new ProtoMessage(joined(
    proto(1, 7),
    proto(1, 2 ** 40 + 300),
    proto(3, "web"),
    entry("team", "a"),
    entry("team", "b"),
    entry("__proto__", "c"),
    proto(4, proto(1, "inner")),
  ));
  assertEquals(message.number(1), 2 ** 40 + 300);
  assertEquals(message.string(3), "web");
  assertEquals(Object.entries(message.stringMap(2)), [
    ["team", "b"],
    ["__proto__", "c"],
  ]);
  assertEquals(message.message(4).string(1), "inner");
});

Deno.test("ProtoMessage returns 0 or empty for an absent field or one of another type", () => {
  const message = new ProtoMessage(joined(proto(1, "string"), proto(2, 5)));
  assertEquals(message.number(1), 0);
  assertEquals(message.string(2), "");
  assertEquals(message.number(9), 0);
  assertEquals(message.stringMap(9), {});
  assertEquals(message.message(9).string(1), "");
});

Deno.test("ProtoMessage skips 32-bit and 64-bit fields", () => {
  const message = new ProtoMessage(joined(
    Uint8Array.of(1 * 8 + 1, ...new Uint8Array(8)),
    Uint8Array.of(2 * 8 + 5, ...new Uint8Array(4)),
    proto(3, "web"),
  ));
  assertEquals(message.string(3), "web");
});

Deno.test("ProtoMessage throws a SyntaxError with the reason for an invalid message", () => {
  const bad: readonly (readonly [number[], string])[] = [
    [[10, 5, 1], "4 bytes are missing"],
    [[8], "bytes are missing"],
    [[11], 'wire type "3", expected 0, 1, 2 or 5'],
    [[8, ...Array(11).fill(255)], "a varint is too long"],
    [[10, 255, 255, 255, 255, 255, 255, 255, 255, 127], "bytes are missing"],
  ];
  for (const [bytes, detail] of bad) {
    assertThrows(
      () => new ProtoMessage(Uint8Array.from(bytes)),
      SyntaxError,
      detail,
    );
  }
});

Deno.test("ProtoMessage reads 20,000 mutations of a message, or throws a SyntaxError", () => {
  const random = new SeededRandom(5);
  const message = joined(
    proto(1, "web"),
    proto(2, 300),
    proto(3, "x".repeat(200)),
  );
  for (let i = 0; i < 20_000; i++) {
    const bytes = message.slice(0, 1 + random.below(message.length));
    for (let n = 0; n < 3; n++) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    try {
      new ProtoMessage(bytes).stringMap(1);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
});

Deno.test("encodeStringField() output is read by ProtoMessage", () => {
  const string = "ü".repeat(100);
  assertEquals(
    new ProtoMessage(encodeStringField(1, string)).string(1),
    string,
  );
});

Deno.test("ProtoMessage rejects a message with too many fields, however short they are", () => {
  const fields = (count: number) =>
    Uint8Array.from({ length: 2 * count }, (_, at) => at % 2 === 0 ? 10 : 0);
  assertEquals(new ProtoMessage(fields(4_096)).messages(1).length, 4_096);
  assertThrows(() => new ProtoMessage(fields(4_097)), RangeError, "fields");
  assertThrows(() => new ProtoMessage(fields(2 ** 19)), RangeError);
});
