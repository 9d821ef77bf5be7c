// Properties of `@std` that this project depends on, both in the real packages
// and in the stand-ins of scripts/offline; the mapped one is tested.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
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
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { exists } from "@std/fs/exists";
import { walkSync } from "@std/fs/walk";
import { accepts, acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import { type Route, route } from "@std/http/unstable-route";
import { basename, dirname, fromFileUrl, join, resolve } from "@std/path";
import { assertSpyCalls, spy } from "@std/testing/mock";

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
});

Deno.test("assert functions throw an AssertionError for what does not hold", () => {
  assertFails(() => assert(false, "the message"), "the message");
  assertFails(() => assertFalse(true, "the message"), "the message");
  assertFails(() => assertStrictEquals<unknown>({}, {}));
  assertFails(() => assertStrictEquals<number>(1, 2), "1", "2");
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

Deno.test("exists() returns whether there is a file or a directory", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(root, "file"), "");
    assert(await exists(root));
    assert(await exists(join(root, "file")));
    assertFalse(await exists(join(root, "nothing")));
    await assertRejects(() => exists(join(root, "file", "below")));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("walkSync() yields the root and all entries below it", () => {
  const root = Deno.makeTempDirSync();
  const paths = (options?: Parameters<typeof walkSync>[1]) =>
    Array.from(walkSync(root, options), (entry) => {
      assertEquals(basename(entry.path), entry.name);
      return entry.path.slice(root.length) + (entry.isDirectory ? "/" : "");
    }).toSorted();
  try {
    Deno.mkdirSync(join(root, "a/b"), { recursive: true });
    for (const file of ["top.ts", "a/in.ts", "a/b/deep.md"]) {
      Deno.writeTextFileSync(join(root, file), "");
    }
    assertEquals(
      paths(),
      ["/", "/a/", "/a/b/", "/a/b/deep.md", "/a/in.ts", "/top.ts"],
    );
    assertEquals(
      paths({ includeDirs: false }),
      ["/a/b/deep.md", "/a/in.ts", "/top.ts"],
    );
    assertEquals(paths({ exts: [".ts"] }), ["/a/in.ts", "/top.ts"]);
    assertEquals(paths({ exts: ["md"] }), ["/a/b/deep.md"]);
    assertThrows(() => [...walkSync(join(root, "nothing"))], Error);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
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

Deno.test("route() calls the first handler whose pattern and method match", async () => {
  const info = {} as Deno.ServeHandlerInfo;
  const routes: Route[] = [
    {
      pattern: new URLPattern({ pathname: "/containers/:name+" }),
      method: ["GET", "HEAD"],
      handler: (_, params) =>
        new Response(`container ${params.pathname.groups["name"]}`),
    },
    {
      pattern: new URLPattern({ pathname: "/containers/*" }),
      method: "GET",
      handler: () => new Response("never"),
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
        new Response(`events ${params.pathname.groups["name"]}`),
    },
    {
      pattern: new URLPattern({ pathname: "/any" }),
      handler: ({ method }) => new Response(`any ${method}`),
    },
  ];
  const handler = route(
    routes,
    (_, given) => new Response(`default ${given === info}`, { status: 404 }),
  );
  for (
    const [method, path, text] of [
      ["GET", "/containers/a/b", "container a/b"],
      ["HEAD", "/containers/a?x=1", "container a"],
      ["POST", "/query", "POST true"],
      ["GET", "/api/v1.1/events", "events undefined"],
      ["GET", "/api/v1.0/events//a/b/", "events /a/b/"],
      ["GET", "/api/v1x0/events", "default true"],
      ["GET", "/api/v1.0/eventsx", "default true"],
      ["DELETE", "/any", "any DELETE"],
      ["GET", "/other", "default true"],
      ["DELETE", "/containers/a", "default true"],
      ["GET", "/query", "default true"],
    ] as const
  ) {
    const request = new Request(`http://localhost${path}`, { method });
    const response = await handler(request, info);
    assertEquals(await response.text(), text, `${method} ${path}`);
  }
});

Deno.test("spy() records calls and returns what the function returns", () => {
  const double = spy((n: number) => n * 2);
  assertEquals(double(2), 4);
  assertEquals(double(3), 6);
  assertSpyCalls(double, 2);
  assertEquals(
    double.calls.map(({ args, returned }) => [args, returned]),
    [[[2], 4], [[3], 6]],
  );
  assertFails(() => assertSpyCalls(double, 1));
});

Deno.test("spy() records what was thrown, and returns undefined without a function", () => {
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
