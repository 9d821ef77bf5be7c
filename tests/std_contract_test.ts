// What this project relies on of `@std`. It holds for the real packages and for the stand-ins of
// scripts/offline alike; whichever is mapped is tested.

import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { ensureDir, ensureDirSync, exists, existsSync, walk } from "@std/fs";
import { accepts, acceptsEncodings } from "@std/http/negotiation";
import {
  type ServerSentEventMessage,
  ServerSentEventStream,
} from "@std/http/server-sent-event-stream";
import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import { type Route, route } from "@std/http/unstable-route";
import { basename, dirname, fromFileUrl, join, resolve } from "@std/path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
} from "@std/testing/bdd";
import { assertSpyCall, assertSpyCalls, spy } from "@std/testing/mock";

function assertFails(fn: () => void, ...parts: string[]): void {
  const { message } = assertThrows(fn, AssertionError);
  for (const part of parts) assertStringIncludes(message, part);
}

Deno.test("assertEquals() compares structures", () => {
  const same: [unknown, unknown][] = [
    [1, 1],
    [NaN, NaN],
    [0, -0],
    [{ a: [1, { b: "x" }] }, { a: [1, { b: "x" }] }],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }],
    [new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
    [new Set([1, 2]), new Set([2, 1])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [new URL("http://a/b"), new URL("http://a/b")],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Float64Array([0.5, NaN]), new Float64Array([0.5, NaN])],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ];
  for (const [a, b] of same) {
    assertEquals(a, b);
    assertThrows(() => assertNotEquals(a, b), AssertionError);
  }
});

Deno.test("assertEquals() throws when a value, a key or a class differs", () => {
  const different: [unknown, unknown][] = [
    [1, 2],
    [1, "1"],
    [null, undefined],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: undefined }, {}],
    [[1, 2], [2, 1]],
    [[1], [1, undefined]],
    [[1], { 0: 1 }],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Set([1]), new Set([2])],
    [new Date(5), new Date(6)],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
  ];
  for (const [a, b] of different) {
    assertNotEquals(a, b);
    assertThrows(() => assertEquals(a, b), AssertionError);
  }
});

Deno.test("assertEquals() shows both values and the caller's message", () => {
  assertFails(
    () => assertEquals({ word: "left" }, { word: "right" }, "for a reason"),
    "left",
    "right",
    "for a reason",
  );
});

Deno.test("assert functions pass what holds", () => {
  const value: { a?: number } = { a: 1 };
  assert(value.a === 1);
  assertFalse(value.a > 1);
  assertStrictEquals(value, value);
  assertExists(value.a);
  assertInstanceOf(new RangeError("x"), Error);
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(10, 11, 1);
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertLess(1, 2);
  assertLessOrEqual(2, 2);
  assertMatch("cgroup", /^c/);
  assertNotMatch("cgroup", /^g/);
  assertStringIncludes("cgroup", "group");
  assertArrayIncludes([{ a: 1 }, { a: 2 }, { a: 3 }], [{ a: 3 }, { a: 1 }]);
  assertObjectMatch({ a: { b: 1, c: 2 }, d: [1, { e: 2 }] }, {
    a: { b: 1 },
    d: [1, { e: 2 }],
  });
});

Deno.test("assert functions throw an AssertionError for what does not hold", () => {
  assertFails(() => assert(false, "the message"), "the message");
  assertFails(() => assertFalse(true, "the message"), "the message");
  assertFails(() => fail("the message"), "the message");
  assertFails(() => assertStrictEquals<unknown>({}, {}));
  assertFails(() => assertStrictEquals<number>(1, 2), "1", "2");
  assertFails(() => assertExists(null));
  assertFails(() => assertExists(undefined));
  assertFails(() => assertInstanceOf(new Error("x"), RangeError), "RangeError");
  assertFails(() => assertAlmostEquals(1, 1.1));
  assertFails(() => assertAlmostEquals(10, 12, 1));
  assertFails(() => assertGreater(1, 1));
  assertFails(() => assertGreaterOrEqual(1, 2));
  assertFails(() => assertLess(1, 1));
  assertFails(() => assertLessOrEqual(2, 1));
  assertFails(() => assertMatch("cgroup", /^g/), "cgroup");
  assertFails(() => assertNotMatch("cgroup", /^c/), "cgroup");
  assertFails(() => assertStringIncludes("cgroup", "z"), "cgroup", "z");
  assertFails(() => assertArrayIncludes([1, 2], [2, 3]), "3");
  assertFails(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }));
  assertFails(() => assertObjectMatch({ a: 1 }, { a: 1, b: 2 }));
});

Deno.test("assertThrows() returns the error when class and message fit", () => {
  const error = new RangeError("out of range");
  function throws(): never {
    throw error;
  }
  assertStrictEquals(assertThrows(throws), error);
  assertStrictEquals(assertThrows(throws, RangeError), error);
  assertStrictEquals(assertThrows(throws, Error, "of range"), error);
});

Deno.test("assertThrows() throws when nothing, or something else, is thrown", () => {
  function throws(): never {
    throw new RangeError("out of range");
  }
  assertFails(() => assertThrows(() => 1));
  assertFails(() => assertThrows(() => 1, Error));
  assertFails(() => assertThrows(throws, TypeError), "TypeError");
  assertFails(
    () => assertThrows(throws, RangeError, "within"),
    "within",
    "out of range",
  );
});

Deno.test("assertRejects() resolves to the error when class and message fit", async () => {
  const error = new RangeError("out of range");
  const rejects = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(rejects), error);
  assertStrictEquals(await assertRejects(rejects, RangeError), error);
  assertStrictEquals(await assertRejects(rejects, Error, "of range"), error);
});

Deno.test("assertRejects() is rejected when the promise is not, or otherwise", async () => {
  const rejects = () => Promise.reject(new RangeError("out of range"));
  function throws(): never {
    throw new RangeError("out of range");
  }
  for (
    const fails of [
      () => assertRejects(() => Promise.resolve(1)),
      () => assertRejects(rejects, TypeError),
      () => assertRejects(rejects, RangeError, "within"),
      () => assertRejects(throws, RangeError),
    ]
  ) {
    await assertRejects(fails, AssertionError);
  }
});

Deno.test("path functions follow POSIX", () => {
  assertEquals(join("/sys", "fs/cgroup", "a.slice"), "/sys/fs/cgroup/a.slice");
  assertEquals(join("/a/b", "..", "c"), "/a/c");
  assertEquals(join("a", ""), "a");
  assertEquals(dirname("/a/b/c"), "/a/b");
  assertEquals(dirname("/a"), "/");
  assertEquals(dirname("/a/b/"), "/a");
  assertEquals(dirname("/"), "/");
  assertEquals(dirname("a"), ".");
  assertEquals(join("..", "./a//b/", "../.."), "..");
  assertEquals(join("/..", "a"), "/a");
  assertEquals(resolve("/a/", "./b/"), "/a/b");
  assertEquals(resolve("b"), join(Deno.cwd(), "b"));
  assertEquals(basename("/a/b.scope"), "b.scope");
  assertEquals(basename("/a/b.scope", ".scope"), "b");
  assertEquals(resolve("/a", "b", "../c"), "/a/c");
  assertEquals(resolve("/a", "/b"), "/b");
  assertEquals(fromFileUrl("file:///a%20b/c"), "/a b/c");
  assertEquals(fromFileUrl(new URL("file:///a")), "/a");
  assertThrows(() => fromFileUrl("http://localhost/a"), TypeError);
});

Deno.test("ensureDir() makes parents and accepts what is there", async () => {
  const root = await Deno.makeTempDir();
  try {
    await ensureDir(join(root, "a/b"));
    await ensureDir(join(root, "a/b"));
    assert((await Deno.stat(join(root, "a/b"))).isDirectory);
    await Deno.writeTextFile(join(root, "file"), "");
    await assertRejects(() => ensureDir(join(root, "file")), Error);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("ensureDirSync() makes parents and accepts what is there", () => {
  const root = Deno.makeTempDirSync();
  try {
    ensureDirSync(join(root, "a/b"));
    ensureDirSync(join(root, "a/b"));
    assert(Deno.statSync(join(root, "a/b")).isDirectory);
    Deno.writeTextFileSync(join(root, "file"), "");
    assertThrows(() => ensureDirSync(join(root, "file")), Error);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("exists() tells files, directories and nothing apart", async () => {
  const root = await Deno.makeTempDir();
  const file = join(root, "file");
  try {
    await Deno.writeTextFile(file, "");
    for (
      const is of [
        (path: string) => exists(path),
        (path: string) => Promise.resolve(existsSync(path)),
      ]
    ) {
      assert(await is(root));
      assert(await is(file));
      assertFalse(await is(join(root, "nothing")));
    }
    assert(await exists(file, { isFile: true }));
    assertFalse(await exists(file, { isDirectory: true }));
    assert(existsSync(root, { isDirectory: true }));
    assertFalse(existsSync(root, { isFile: true }));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

describe("walk()", () => {
  let root = "";

  async function paths(
    options: Parameters<typeof walk>[1] = {},
  ): Promise<string[]> {
    const found: string[] = [];
    for await (const entry of walk(root, options)) {
      assertEquals(basename(entry.path), entry.name);
      found.push(
        entry.path.slice(root.length) + (entry.isDirectory ? "/" : ""),
      );
    }
    return found.sort();
  }

  beforeAll(async () => {
    root = await Deno.makeTempDir();
    await ensureDir(join(root, "a/b"));
    await Deno.writeTextFile(join(root, "top.ts"), "");
    await Deno.writeTextFile(join(root, "a/in.ts"), "");
    await Deno.writeTextFile(join(root, "a/b/deep.md"), "");
  });
  afterAll(() => Deno.remove(root, { recursive: true }));

  it("yields the root and everything below", async () => {
    assertEquals(
      await paths(),
      ["/", "/a/", "/a/b/", "/a/b/deep.md", "/a/in.ts", "/top.ts"],
    );
  });
  it("yields files only, or directories only", async () => {
    assertEquals(
      await paths({ includeDirs: false }),
      ["/a/b/deep.md", "/a/in.ts", "/top.ts"],
    );
    assertEquals(await paths({ includeFiles: false }), ["/", "/a/", "/a/b/"]);
  });
  it("stops at the depth", async () => {
    assertEquals(await paths({ maxDepth: 0 }), ["/"]);
    assertEquals(await paths({ maxDepth: 1 }), ["/", "/a/", "/top.ts"]);
  });
  it("selects by extension and by pattern", async () => {
    assertEquals(await paths({ exts: [".ts"] }), ["/a/in.ts", "/top.ts"]);
    assertEquals(await paths({ exts: ["md"] }), ["/a/b/deep.md"]);
    assertEquals(await paths({ match: [/\/in\./, /\.md$/] }), [
      "/a/b/deep.md",
      "/a/in.ts",
    ]);
  });
  it("is rejected when there is no such directory", async () => {
    await assertRejects(async () => {
      for await (const _ of walk(join(root, "nothing"))) fail();
    });
  });
});

Deno.test("STATUS_CODE and STATUS_TEXT name the codes", () => {
  assertEquals(STATUS_CODE.OK, 200);
  assertEquals(STATUS_CODE.BadRequest, 400);
  assertEquals(STATUS_CODE.Unauthorized, 401);
  assertEquals(STATUS_CODE.NotFound, 404);
  assertEquals(STATUS_CODE.MethodNotAllowed, 405);
  assertEquals(STATUS_CODE.ContentTooLarge, 413);
  assertEquals(STATUS_CODE.URITooLong, 414);
  assertEquals(STATUS_CODE.MisdirectedRequest, 421);
  assertEquals(STATUS_CODE.ServiceUnavailable, 503);
  assertEquals(STATUS_TEXT[STATUS_CODE.NotFound], "Not Found");
  assertEquals(STATUS_TEXT[405], "Method Not Allowed");
});

function requestWith(name: string, value?: string): Request {
  return new Request("http://localhost/", {
    headers: value === undefined ? {} : { [name]: value },
  });
}

Deno.test("accepts() returns the type that the request prefers", () => {
  const offers = ["application/json", "text/event-stream"];
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "application/json"],
    ["*/*", "application/json"],
    ["text/event-stream", "text/event-stream"],
    ["Text/Event-Stream", "text/event-stream"],
    ["text/*", "text/event-stream"],
    ["application/json;q=0.5, text/event-stream", "text/event-stream"],
    ["text/event-stream;q=0.1, */*;q=0.9", "application/json"],
    ["application/json;q=0, */*", "text/event-stream"],
    ["text/event-stream, */*", "text/event-stream"],
    ["image/png", undefined],
  ];
  for (const [header, expected] of cases) {
    assertEquals(accepts(requestWith("accept", header), ...offers), expected);
  }
});

Deno.test("acceptsEncodings() returns the coding that the request prefers", () => {
  const offers = ["gzip", "identity"];
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "gzip"],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["br, gzip;q=0.8, identity;q=0.5", "gzip"],
    ["gzip;q=0.5, identity;q=0.8", "identity"],
    ["gzip;q=0", "identity"],
    ["br", "identity"],
    ["*", "gzip"],
    ["identity;q=0, *;q=0", undefined],
  ];
  for (const [header, expected] of cases) {
    const request = requestWith("accept-encoding", header);
    assertEquals(acceptsEncodings(request, ...offers), expected);
  }
});

describe("route()", () => {
  const info = {} as Deno.ServeHandlerInfo;
  const routes: Route[] = [
    {
      pattern: new URLPattern({ pathname: "/containers/:name+" }),
      method: ["GET", "HEAD"],
      handler: (_, params) =>
        new Response(`container ${params?.pathname.groups["name"]}`),
    },
    {
      pattern: new URLPattern({ pathname: "/containers/*" }),
      method: "GET",
      handler: () => fail("Second match"),
    },
    {
      pattern: new URLPattern({ pathname: "/query" }),
      method: "POST",
      handler: (request, _, given) =>
        new Response(`${request.method} ${given === info}`),
    },
    {
      pattern: new URLPattern({
        pathname: "/api/(v1\\.0|v1\\.1)/events{/:name(.*)}?",
      }),
      method: "GET",
      handler: (_, params) =>
        new Response(`events ${params?.pathname.groups["name"]}`),
    },
  ];
  const handler = route(
    routes,
    (_, given) => new Response(`default ${given === info}`, { status: 404 }),
  );

  async function ask(method: string, path: string): Promise<string> {
    const request = new Request(`http://localhost${path}`, { method });
    return await (await handler(request, info)).text();
  }

  it("asks the first route whose pattern and method fit", async () => {
    assertEquals(await ask("GET", "/containers/a/b"), "container a/b");
    assertEquals(await ask("HEAD", "/containers/a?x=1"), "container a");
    assertEquals(await ask("POST", "/query"), "POST true");
  });
  it("heeds alternatives and what may be left out of a pattern", async () => {
    assertEquals(await ask("GET", "/api/v1.1/events"), "events undefined");
    assertEquals(await ask("GET", "/api/v1.0/events//a/b/"), "events /a/b/");
    assertEquals(await ask("GET", "/api/v1x0/events"), "default true");
    assertEquals(await ask("GET", "/api/v1.0/eventsx"), "default true");
  });
  it("asks the default handler when no route fits", async () => {
    assertEquals(await ask("GET", "/other"), "default true");
    assertEquals(await ask("DELETE", "/containers/a"), "default true");
    assertEquals(await ask("GET", "/query"), "default true");
  });
});

async function serialized(message: ServerSentEventMessage): Promise<string> {
  const stream = ReadableStream.from([message])
    .pipeThrough(new ServerSentEventStream());
  return await new Response(stream).text();
}

Deno.test("ServerSentEventStream writes fields and an empty line", async () => {
  assertEquals(await serialized({ data: "a" }), "data:a\n\n");
  assertEquals(
    await serialized({ data: "a\nb\r\nc" }),
    "data:a\ndata:b\ndata:c\n\n",
  );
  assertEquals(await serialized({ comment: "" }), ":\n\n");
  assertEquals(
    await serialized({ event: "oom", data: "{}", id: 12, retry: 500 }),
    "event:oom\ndata:{}\nid:12\nretry:500\n\n",
  );
});

Deno.test("ServerSentEventStream fails when a field has a newline", async () => {
  await assertRejects(() => serialized({ event: "a\nb" }), SyntaxError);
  await assertRejects(() => serialized({ id: "a\rb" }), SyntaxError);
});

Deno.test("spy() remembers calls and does what the function does", () => {
  const double = spy((n: number) => n * 2);
  assertEquals(double(2), 4);
  assertEquals(double(3), 6);
  assertSpyCalls(double, 2);
  assertSpyCall(double, 0, { args: [2], returned: 4 });
  assertSpyCall(double, 1, { args: [3] });
  assertEquals(double.calls.map((call) => call.args), [[2], [3]]);
  assertFails(() => assertSpyCalls(double, 1));
  assertFails(() => assertSpyCall(double, 2));
  assertFails(() => assertSpyCall(double, 0, { args: [3] }));
  assertFails(() => assertSpyCall(double, 0, { returned: 5 }));
});

Deno.test("spy() remembers what was thrown, and does nothing without a function", () => {
  const error = new RangeError("x");
  const thrower = spy((): void => {
    throw error;
  });
  assertThrows(thrower, RangeError);
  assertStrictEquals(thrower.calls[0]?.error, error);
  const idle = spy();
  assertStrictEquals(idle(), undefined);
  assertSpyCalls(idle, 1);
});

describe("describe()", () => {
  const order: string[] = [];
  beforeAll(() => void order.push("beforeAll"));
  beforeEach(() => void order.push("before"));
  afterEach(() => void order.push("after"));
  afterAll(() => {
    order.push("afterAll");
    assertEquals(
      order.join(" "),
      [
        "beforeAll",
        "before first after",
        "beforeAll2",
        "before before2 second after2 after",
        "before before2 third after2 after",
        "afterAll2",
        "afterAll",
      ].join(" "),
    );
  });

  it("runs hooks around each test", () => void order.push("first"));
  describe("nested", () => {
    beforeAll(() => void order.push("beforeAll2"));
    beforeEach(() => void order.push("before2"));
    afterEach(() => void order.push("after2"));
    afterAll(() => void order.push("afterAll2"));
    it("runs hooks from the outside in", async () => {
      await Promise.resolve();
      order.push("second");
    });
    it("runs them for each test", () => void order.push("third"));
  });
  it.ignore("does not run what is skipped", () => fail());
});
