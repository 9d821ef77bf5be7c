import { assertEquals, assertThrows } from "@std/assert";
import { ProtoMessage, protoText } from "../../lib/runtimes/protobuf.ts";
import { joined, proto } from "../_support/fake_containerd.ts";
import { SeededRandom } from "../_support/random.ts";

Deno.test("ProtoMessage reads numbers, texts, messages and texts by texts, the last of what is there twice", () => {
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
  assertEquals(message.text(3), "web");
  assertEquals(Object.entries(message.texts(2)), [
    ["team", "b"],
    ["__proto__", "c"],
  ]);
  assertEquals(message.message(4).text(1), "inner");
});

Deno.test("ProtoMessage has 0 and empty for what is absent, or of another kind", () => {
  const message = new ProtoMessage(joined(proto(1, "text"), proto(2, 5)));
  assertEquals(message.number(1), 0);
  assertEquals(message.text(2), "");
  assertEquals(message.number(9), 0);
  assertEquals(message.texts(9), {});
  assertEquals(message.message(9).text(1), "");
});

Deno.test("ProtoMessage passes over numbers of 4 and 8 bytes", () => {
  const message = new ProtoMessage(joined(
    Uint8Array.of(1 * 8 + 1, ...new Uint8Array(8)),
    Uint8Array.of(2 * 8 + 5, ...new Uint8Array(4)),
    proto(3, "web"),
  ));
  assertEquals(message.text(3), "web");
});

Deno.test("ProtoMessage throws a SyntaxError that says what is wrong with what is no message", () => {
  const bad: readonly (readonly [number[], string])[] = [
    [[10, 5, 1], "it ends 4 bytes too soon"],
    [[8], "too soon"],
    [[11], 'the kind "3", want 0, 1, 2 or 5'],
    [[8, ...Array(11).fill(255)], "a number does not end"],
    [[10, 255, 255, 255, 255, 255, 255, 255, 255, 127], "bytes too soon"],
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
      new ProtoMessage(bytes).texts(1);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
});

Deno.test("protoText() makes what ProtoMessage reads", () => {
  const text = "ü".repeat(100);
  assertEquals(new ProtoMessage(protoText(1, text)).text(1), text);
});

Deno.test("ProtoMessage refuses a message of more fields than any has, however short they are", () => {
  const fields = (count: number) =>
    Uint8Array.from({ length: 2 * count }, (_, at) => at % 2 === 0 ? 10 : 0);
  assertEquals(new ProtoMessage(fields(4_096)).messages(1).length, 4_096);
  assertThrows(() => new ProtoMessage(fields(4_097)), RangeError, "fields");
  assertThrows(() => new ProtoMessage(fields(2 ** 19)), RangeError);
});
