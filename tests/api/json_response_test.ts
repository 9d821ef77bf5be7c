import { assert, assertEquals } from "@std/assert";
import {
  failureResponse,
  headOf,
  HttpError,
  jsonArrayResponse,
  jsonObjectResponse,
  jsonResponse,
} from "../../lib/api/json_response.ts";
import {
  BadRequestError,
  UnknownContainerError,
} from "../../lib/model/errors.ts";

function ask(headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { headers });
}

function* repeat(element: string, count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield element;
}

async function gunzip(response: Response): Promise<unknown> {
  const body = response.body?.pipeThrough(new DecompressionStream("gzip"));
  return await new Response(body).json();
}

Deno.test("jsonResponse() has a value and its length", async () => {
  const response = jsonResponse(ask(), { a: "ä" });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("content-length"), "10");
  assertEquals(await response.text(), '{"a":"ä"}');
  assertEquals(jsonResponse(ask(), {}, 503).status, 503);
});

Deno.test("jsonArrayResponse() and jsonObjectResponse() join serialized JSON", async () => {
  assertEquals(await jsonArrayResponse(ask(), []).json(), []);
  assertEquals(await jsonArrayResponse(ask(), ["1", '"a"']).json(), [1, "a"]);
  assertEquals(await jsonObjectResponse(ask(), []).json(), {});
  assertEquals(
    await jsonObjectResponse(ask(), [['a"b', "1"], ["c", "[]"]]).json(),
    { 'a"b': 1, c: [] },
  );
});

Deno.test("jsonObjectResponse() escapes any name, always in the same way", async () => {
  const names = [
    '"',
    "\\x2d",
    "\0\n\x7f",
    "ä€😀",
    "<&>",
    "\u2028",
    "\ud800",
    "10",
    "9",
  ];
  const members = names.map((name) => [name, "1"] as const);
  const text = await jsonObjectResponse(ask(), members).text();
  assertEquals(new Set(Object.keys(JSON.parse(text))), new Set(names));
  // In the given order, also for names that look like numbers.
  assertEquals(
    text,
    String
      .raw`{"\"":1,"\\x2d":1,"\u0000\n${"\x7f"}":1,"ä€😀":1,"<&>":1,"${"\u2028"}":1,"\ud800":1,"10":1,"9":1}`,
  );
});

Deno.test("jsonArrayResponse() creates elements of a long response only as it is read", async () => {
  let taken = 0;
  const elements = repeat(`"${"x".repeat(1000)}"`, 10_000)
    .map((element) => (taken++, element));
  const response = jsonArrayResponse(ask(), elements);
  assertEquals(response.headers.get("content-length"), null);
  const before = taken;
  assert(before < 100, `${before} elements taken before the first read`);
  const values: unknown = await response.json();
  assertEquals(taken, 10_000);
  assert(Array.isArray(values) && values.length === 10_000);
});

Deno.test("jsonArrayResponse() stops creating elements when the client disconnects", async () => {
  let isReturned = false;
  function* elements(): Generator<string> {
    try {
      yield* repeat(`"${"x".repeat(1000)}"`, 10_000);
    } finally {
      isReturned = true;
    }
  }
  const response = jsonArrayResponse(ask(), elements());
  await response.body?.cancel();
  assert(isReturned);
});

Deno.test("jsonArrayResponse() is compressed if the client accepts gzip, long or short", async () => {
  const headers = { "accept-encoding": "br, gzip;q=0.8" };
  for (const count of [200, 50_000]) {
    const response = jsonArrayResponse(ask(headers), repeat("12345", count));
    assertEquals(response.headers.get("content-encoding"), "gzip");
    assertEquals(response.headers.get("content-length"), null);
    assertEquals(await gunzip(response), Array(count).fill(12345));
  }
});

Deno.test("jsonResponse() is not compressed if gzip is not accepted, refused, or useless", async () => {
  const long = "x".repeat(5000);
  for (
    const [headers, value] of [
      [{}, long],
      [{ "accept-encoding": "identity" }, long],
      [{ "accept-encoding": "gzip;q=0" }, long],
      [{ "accept-encoding": "gzip" }, "short"],
    ] as const
  ) {
    const response = jsonResponse(ask(headers), value);
    assertEquals(response.headers.get("content-encoding"), null);
    assertEquals(response.headers.get("vary"), "accept-encoding");
    assertEquals(await response.json(), value);
  }
});

Deno.test("headOf() keeps status and headers without a body", async () => {
  for (const value of ["short", "x".repeat(100_000)]) {
    const get = jsonResponse(ask(), value, 503);
    const headers = [...get.headers];
    const head = await headOf(get);
    assertEquals(head.status, 503);
    assertEquals([...head.headers], headers);
    assertEquals(await head.text(), "");
  }
});

Deno.test("failureResponse() reports errors of the client, and no others", async () => {
  for (
    const [error, status] of [
      [new BadRequestError("Cannot do it"), 400],
      [new UnknownContainerError("/a"), 404],
      [new HttpError(405, "Cannot", { allow: "GET" }), 405],
    ] as const
  ) {
    const response = failureResponse(error);
    assertEquals(response?.status, status);
    assertEquals(await response?.json(), { error: error.message });
    assertEquals(response?.headers.get("allow"), status === 405 ? "GET" : null);
  }
  assertEquals(failureResponse(new TypeError("a fault of ours")), undefined);
});

Deno.test("jsonArrayResponse() yields to the event loop, even with slow elements", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const slow = repeat("1", 20).map((element) => {
    const endMs = performance.now() + 5;
    while (performance.now() < endMs);
    return element;
  });
  const headers = { "accept-encoding": "gzip" };
  assertEquals(
    await gunzip(jsonArrayResponse(ask(headers), slow)),
    Array(20).fill(1),
  );
  clearInterval(timer);
  assert(turns >= 10, `${turns} turns`);
});
