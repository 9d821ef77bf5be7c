import { assert, assertEquals, assertRejects } from "@std/assert";
import { HttpError } from "../../lib/api/json_response.ts";
import { readBody } from "../../lib/api/request_body.ts";
import { BadRequestError } from "../../lib/model/errors.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function post(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

Deno.test("readBody() decodes UTF-8, also if chunks split a character", async () => {
  const bytes = new TextEncoder().encode('{"a":"ä"}');
  const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
  assertEquals(await readBody(post(ReadableStream.from(pieces))), '{"a":"ä"}');
});

Deno.test("readBody() is empty without a body", async () => {
  assertEquals(await readBody(new Request("http://localhost/")), "");
  assertEquals(await readBody(post("")), "");
});

Deno.test("readBody() accepts 64 KiB and throws 413 for one byte more", async () => {
  const most = "x".repeat(64 * 1024);
  assertEquals((await readBody(post(most))).length, most.length);
  const error = await assertRejects(
    () => readBody(post(most + "x")),
    HttpError,
    "longer than 65536 bytes",
  );
  assertEquals(error.status, 413);
});

Deno.test("readBody() throws 413 for a longer content-length without reading the body", async () => {
  let isRead = false;
  const body = new ReadableStream({
    pull() {
      isRead = true;
    },
  }, { highWaterMark: 0 });
  await assertRejects(
    () =>
      readBody({ body, headers: new Headers({ "content-length": "65537" }) }),
    HttpError,
  );
  assertEquals(isRead, false);
});

Deno.test("readBody() rejects bytes that are not UTF-8, and an incomplete body", async () => {
  const broken = new ReadableStream({
    start: (controller) => controller.error(new Error("gone")),
  });
  for (const body of [Uint8Array.of(0xff), Uint8Array.of(0xc3), broken]) {
    await assertRejects(
      () => readBody(post(body)),
      BadRequestError,
      "Cannot read the body",
    );
  }
});

Deno.test("readBody() rejects a body that takes longer than 10 s, and stops reading it", async () => {
  const clock = new FakeClock();
  let isCancelled = false;
  const dripping = new ReadableStream({
    start: (controller) => controller.enqueue(Uint8Array.of(123)),
    cancel: () => {
      isCancelled = true;
    },
  });
  const read = readBody(post(dripping), clock).catch((error) => error);
  clock.advance(9_999);
  const isPending = Symbol();
  assertEquals(
    await Promise.race([
      read,
      new Promise((done) => setTimeout(done, 5, isPending)),
    ]),
    isPending,
  );
  clock.advance(1);
  assert(await read instanceof BadRequestError);
  assert(isCancelled);
});
