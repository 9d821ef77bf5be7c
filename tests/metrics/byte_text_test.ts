import { assertEquals } from "@std/assert";
import { ByteText } from "../../lib/metrics/byte_text.ts";
import { SeededRandom } from "../_support/random.ts";

function textOf(put: (text: ByteText) => void): string {
  const text = new ByteText(4);
  put(text);
  return new TextDecoder().decode(text.take());
}

Deno.test("ByteText.putNumber() formats numbers as JavaScript does", () => {
  const random = new SeededRandom(7);
  const numbers = [0, -0, 1, -1, 9, 10, 99, 100, 1.5, -2.25, 1e-9, 1e21];
  for (let power = 0; power < 64; power++) {
    numbers.push(2 ** power, 2 ** power - 1, -(2 ** power), 10 ** (power % 20));
    numbers.push(
      10 ** (power % 20) - 1,
      Math.floor(random.next() * 2 ** power),
    );
    numbers.push(random.next() * 2 ** power);
  }
  for (const number of numbers) {
    assertEquals(textOf((text) => text.putNumber(number)), `${number}`);
  }
});

Deno.test("ByteText appends bytes and text of any script, beyond the expected capacity", () => {
  assertEquals(
    textOf((text) => {
      text.putText('id="/a"');
      text.putByte(0x2c);
      text.put(new TextEncoder().encode("name=ä"));
      text.putText("容器");
      text.putText("x".repeat(10_000));
    }),
    `id="/a",name=ä容器${"x".repeat(10_000)}`,
  );
});

Deno.test("ByteText.take() leaves the returned bytes unchanged, and clears the buffer", () => {
  const text = new ByteText(16);
  text.putText("ab");
  const first = text.take();
  text.putText("xyz");
  assertEquals(text.length, 3);
  assertEquals(new TextDecoder().decode(first), "ab");
  assertEquals(new TextDecoder().decode(text.take()), "xyz");
});
