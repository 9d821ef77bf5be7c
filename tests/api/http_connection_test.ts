import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Connection,
  HttpConnection,
} from "../../lib/api/http_connection.ts";
import { SeededRandom } from "../_support/random.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** A connection whose client has sent some pieces, and reads all. */
class FakeConnection implements Connection {
  written = "";
  closed = false;
  readonly #pieces: string[];
  readonly #staysOpen: boolean;
  #end: (() => void) | undefined;

  constructor(pieces: string[], staysOpen = false) {
    this.#pieces = pieces;
    this.#staysOpen = staysOpen;
  }

  async read(into: Uint8Array): Promise<number | null> {
    await Promise.resolve();
    if (this.closed) throw new Error("closed");
    const piece = this.#pieces.shift();
    if (piece === undefined) {
      if (!this.#staysOpen) return null;
      await new Promise<void>((resolve) => this.#end = resolve);
      throw new Error("closed");
    }
    const bytes = Uint8Array.from(piece, (char) => char.charCodeAt(0));
    into.set(bytes.subarray(0, into.length));
    if (bytes.length > into.length) {
      this.#pieces.unshift(piece.slice(into.length));
    }
    return Math.min(bytes.length, into.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.closed) return Promise.reject(new Error("closed"));
    // As a socket does, it takes a part only.
    const part = bytes.subarray(0, 1000);
    this.written += String.fromCharCode(...part);
    return Promise.resolve(part.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
    this.#end?.();
  }
}

type Answer = (request: Request) => Response | Promise<Response>;

const echo: Answer = async (request) =>
  new Response(`${request.method} ${request.url} [${await request.text()}]`);

/** What is written to a client that sends this and then no more. */
async function exchange(
  sent: string | string[],
  handler: Answer = echo,
): Promise<string> {
  const connection = new FakeConnection([sent].flat());
  await serve(connection, handler);
  assert(connection.closed);
  return connection.written;
}

function serve(
  connection: Connection,
  handler: Answer = echo,
  clock = new FakeClock(),
): Promise<void> {
  return new HttpConnection(connection, {
    scheme: "http",
    clock,
    handler,
    onError: () => new Response("fault", { status: 500 }),
  }).serve();
}

/** The status and the body of each answer. */
function answers(text: string): [number, string][] {
  const found: [number, string][] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const head = rest.slice(0, end);
    rest = rest.slice(end + 4);
    const length = /content-length: (\d+)/.exec(head)?.[1];
    let body = "";
    if (/transfer-encoding: chunked/.test(head)) {
      for (;;) {
        const size = parseInt(rest, 16);
        const start = rest.indexOf("\r\n") + 2;
        body += rest.slice(start, start + size);
        rest = rest.slice(start + size + 2);
        if (size === 0) break;
      }
    } else {
      body = rest.slice(0, Number(length ?? rest.length));
      rest = rest.slice(body.length);
    }
    found.push([Number(head.split(" ")[1]), body]);
  }
  return found;
}

Deno.test("HttpConnection answers requests that follow one another, cut into any pieces", async () => {
  const sent = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n" +
    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz" +
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "2;n=v\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n\r\n" +
    "GET http://other/d?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never";
  const wanted: [number, string][] = [
    [200, "GET http://h/a []"],
    [200, "POST http://h/b [xyz]"],
    [200, "POST http://h/c [abc]"],
    [200, "GET http://other/d?q []"],
  ];
  assertEquals(answers(await exchange(sent)), wanted);
  assertEquals(answers(await exchange([...sent])), wanted);
  const random = new SeededRandom(7);
  for (let n = 0; n < 50; n++) {
    const pieces: string[] = [];
    for (let at = 0; at < sent.length;) {
      const length = 1 + random.below(40);
      pieces.push(sent.slice(at, at += length));
    }
    assertEquals(answers(await exchange(pieces)), wanted);
  }
});

Deno.test("HttpConnection refuses what two readers could take differently", async () => {
  const head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (
    const sent of [
      "GET /\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n",
      `${head}Host: i\r\n\r\n`,
      `${head}a b: c\r\n\r\n`,
      `${head}a : c\r\n\r\n`,
      `${head}a: b\r\n folded\r\n\r\n`,
      `${head}a: b\nc: d\r\n\r\n`,
      `${head}a: \x00\r\n\r\n`,
      `${head}: b\r\n\r\n`,
      `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      `${head}Content-Length: -1\r\n\r\n`,
      `${head}Content-Length: 1e3\r\n\r\n`,
      `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "\x16\x03\x01\x02\x00\r\n\r\n",
      head,
    ]
  ) {
    const asked: string[] = [];
    const text = await exchange(`${sent}`, (request) => {
      asked.push(request.url);
      return new Response();
    });
    assertEquals(asked, [], sent);
    assertEquals(answers(text).map(([status]) => status), [400], sent);
    assertStringIncludes(text, "connection: close", sent);
  }
});

Deno.test("HttpConnection bounds address and head, and knows no tunnel", async () => {
  const long = "x".repeat(8192);
  const status = async (sent: string) => answers(await exchange(sent))[0]?.[0];
  const get = (target: string, more = "") =>
    `GET ${target} HTTP/1.1\r\nHost: h\r\n${more}\r\n`;
  assertEquals(await status(get(`/${long.slice(1)}`)), 200);
  assertEquals(await status(get(`/${long}`)), 414);
  assertEquals(await status(`GET /${"x".repeat(1e6)}`), 414);
  assertEquals(await status(get("/", `a: ${long}\r\n`)), 200);
  assertEquals(await status(get("/", `a: ${long}${long}\r\n`)), 431);
  assertEquals(await status(get("/", "a: b\r\n".repeat(1e5))), 431);
  for (const method of ["CONNECT", "TRACE", "track"]) {
    const text = await exchange(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`);
    assertEquals(answers(text)[0]?.[0], 405);
    assertStringIncludes(text, "allow: GET, HEAD, POST");
  }
});

Deno.test("HttpConnection sends HEAD no body, and HTTP/1.0 no chunks", async () => {
  const whole = () =>
    new Response("whole", { headers: { "content-length": "5" } });
  const head = await exchange("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", whole);
  assertStringIncludes(head, "content-length: 5\r\n");
  assert(head.endsWith("\r\n\r\n"));
  const old = await exchange("GET / HTTP/1.0\r\n\r\n");
  assertStringIncludes(old, "connection: close\r\n");
  assert(old.endsWith("\r\n\r\nGET http://localhost/ []"), old);
});

Deno.test("HttpConnection sends bodies whole, with their length or in chunks, whatever the length of their parts", async () => {
  const lengths = [1, 16_383, 16_384, 40_000, 65_535, 65_536, 100_000];
  const parts = lengths.map((length, at) => `${at}`.repeat(length));
  const whole = parts.join("");
  for (const headers of [{}, { "content-length": `${whole.length}` }]) {
    const sent = ["GET / HTTP/1.1\r\nHost: h\r\n\r\n"];
    const connection = new FakeConnection(sent, true);
    const served = serve(connection, () => {
      const body = ReadableStream.from(parts)
        .pipeThrough(new TextEncoderStream());
      return new Response(body, { headers });
    });
    for (let turn = 0; turn < 50; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    connection.close();
    await served;
    const [[status, body] = []] = answers(connection.written);
    assertEquals(status, 200);
    assert(body === whole, `${body?.length} bytes instead of ${whole.length}`);
  }
});

Deno.test("HttpConnection takes no next request from a body that was not read", async () => {
  const asked: string[] = [];
  const text = await exchange(
    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n" +
      "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    (request) => {
      asked.push(new URL(request.url).pathname);
      return new Response();
    },
  );
  assertEquals(asked, ["/a"]);
  assertStringIncludes(text, "connection: close");
});

Deno.test("HttpConnection tells a client to go on that asks before it sends", async () => {
  const text = await exchange(
    "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
  );
  assert(text.startsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
});

Deno.test("HttpConnection lets a body fail that lies about its length, or never ends", async () => {
  const handler: Answer = async (request) => {
    try {
      return new Response(await request.text());
    } catch {
      return new Response("failed", { headers: { "content-length": "6" } });
    }
  };
  for (
    const rest of [
      "Content-Length: 5\r\n\r\nabc",
      "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n123456789\r\n",
      `Transfer-Encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(20)}\r\n`,
    ]
  ) {
    const text = await exchange(
      `POST / HTTP/1.1\r\nHost: h\r\n${rest}`,
      handler,
    );
    assertEquals(answers(text), [[200, "failed"]], rest);
    assertStringIncludes(text, "connection: close");
  }
});

Deno.test("HttpConnection gives a client 10 s for a head, 10 s for a body, and 75 s between requests", async () => {
  for (
    const [sent, limitMs] of [
      ["", 10_000],
      ["GET / HTTP/1.1\r\nHost: h\r\n", 10_000],
      ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", 75_000],
    ] as const
  ) {
    const clock = new FakeClock();
    const connection = new FakeConnection(sent === "" ? [] : [sent], true);
    const served = serve(connection, echo, clock);
    for (let n = 0; n < 100; n++) await Promise.resolve();
    clock.advance(limitMs - 1);
    assertEquals(connection.closed, false, sent);
    clock.advance(1);
    await served;
    assert(connection.closed, sent);
  }
  const clock = new FakeClock();
  const connection = new FakeConnection([
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
  ], true);
  const failed = Promise.withResolvers<void>();
  const served = serve(connection, async (request) => {
    try {
      await request.text();
    } catch {
      failed.resolve();
    }
    return new Response("late", { status: 400 });
  }, clock);
  for (let n = 0; n < 100; n++) await Promise.resolve();
  clock.advance(10_000);
  await failed.promise;
  for (let n = 0; n < 100; n++) await Promise.resolve();
  assertStringIncludes(connection.written, "HTTP/1.1 400");
  clock.advance(1000);
  await served;
});

Deno.test("HttpConnection takes random bytes without an answer that is not an error", async () => {
  const random = new SeededRandom(3);
  for (let n = 0; n < 300; n++) {
    let text = "";
    const length = random.below(200);
    for (let at = 0; at < length; at++) {
      // Mostly of the letters that HTTP is made of.
      text += random.chance(0.5)
        ? random.pick([..."GET / HTTP/1.1\r\nHost: h"])
        : String.fromCharCode(random.below(256));
    }
    const written = await exchange(`${text}\r\n\r\n`);
    assert(written === "" || /^HTTP\/1\.1 4\d\d /.test(written), text);
  }
});
