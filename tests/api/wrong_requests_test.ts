// Invalid requests, each with its status and error; over a socket, because a client library would
// correct most of them before it sends them.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { guard } from "../../lib/api/guard.ts";
import { createHandler } from "../../lib/api/routes.ts";
import { serve, type Server } from "../../lib/api/server.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import { AliasTable } from "../../lib/manager/alias_table.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { parseListenAddress } from "../../lib/model/listen_address.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { FakeManager } from "../_support/fake_manager.ts";
import { FakeMetrics } from "../_support/fake_metrics.ts";

async function listen(logger = silentLogger): Promise<Server> {
  const clock = systemClock;
  const events = new EventManager({ node: "n1", bootId: "b1", clock });
  const streams = new EventStreams({ events, clock });
  const manager = new FakeManager();
  const aliases = new AliasTable(() =>
    ["web", "webhook"].map((name) => ({
      reference: { name: `/${name}`, aliases: [name], namespace: "docker" },
    }))
  );
  manager.namespaceInfo = (namespace, alias) => {
    const { reference } = aliases.find(namespace, alias.slice(1));
    throw new Error(`Invalid request selected "${reference.name}"`);
  };
  const handler = createHandler({
    metrics: new FakeMetrics(),
    page: () => Promise.resolve(undefined),
    manager,
    events,
    streams,
    logger,
    allowPs: "off",
  });
  const guarded = guard(handler, {
    tokens: () => undefined,
    allowedHosts: ["elsewhere.example"],
    basePath: "",
    metricsPath: "/prometheus",
  });
  return await serve(guarded, {
    listen: [parseListenAddress("127.0.0.1:0")],
    logger,
    streams,
  });
}

interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends raw bytes, and reads until the server closes the connection. */
async function send(server: Server, request: string): Promise<RawResponse> {
  const { port } = new URL(server.addresses[0] ?? "");
  using connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(port),
  });
  // Latin-1, so that each character is one byte.
  const bytes = Uint8Array.from(request, (char) => char.charCodeAt(0));
  for (let sent = 0; sent < bytes.length;) {
    sent += await connection.write(bytes.subarray(sent));
  }
  const text = await new Response(connection.readable).text();
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body };
}

function requestText(target: string, method = "GET", body?: string): string {
  const length = body === undefined ? "" : `content-length: ${body.length}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nhost: localhost\r\n${length}` +
    `connection: close\r\n\r\n${body ?? ""}`;
}

const containers = "/api/v1.3/containers";
const stats = "/api/v2.1/stats";

/** Target, method, body; status and a part of the error. */
const WRONG: readonly [string, string, string | undefined, number, string][] = [
  // Unknown paths.
  ["/nothing", "GET", undefined, 404, 'Unknown path "/nothing"'],
  ["/api/v9/stats", "GET", undefined, 404, 'Unknown API version "v9"'],
  ["/api/v2/stats", "GET", undefined, 404, 'Unknown API version "v2"'],
  ["/api/v2.1/nothing", "GET", undefined, 404, 'type "nothing" of v2.1'],
  ["/api/v1.0/events", "GET", undefined, 404, 'type "events" of v1.0'],
  ["/api/v2.1/appmetrics/a", "GET", undefined, 404, 'type "appmetrics"'],
  [`${containers}/x`, "GET", undefined, 404, 'Unknown container "/x"'],
  [`${stats}/a/x`, "GET", undefined, 404, 'Unknown container "/a/x"'],
  ["/api/v2.1/ps", "GET", undefined, 403, "--allow-ps"],
  ["/api/v1.2/docker/db", "GET", undefined, 404, 'docker container "db"'],
  [
    "/api/v1.3/docker/we",
    "GET",
    undefined,
    400,
    'expected one of "web", "webhook"',
  ],
  // Invalid values.
  [`${stats}?type=rkt`, "GET", undefined, 400, '"type": "rkt" is invalid'],
  [`${stats}?count=ten`, "GET", undefined, 400, '"count": "ten" is invalid'],
  [`${stats}?count=-2`, "GET", undefined, 400, '"count": "-2" is invalid'],
  [`${stats}?count=1e3`, "GET", undefined, 400, '"count": "1e3" is invalid'],
  [`${stats}?count=99999999999999999999`, "GET", undefined, 400, '"count"'],
  [`${stats}?recursive=yes`, "GET", undefined, 400, '"recursive": "yes"'],
  [`${stats}?max_age=10`, "GET", undefined, 400, '"max_age": "10" is invalid'],
  [`${stats}?max_age=`, "GET", undefined, 400, '"max_age": "" is invalid'],
  ["/api/v1.3/events?start_time=noon", "GET", undefined, 400, '"start_time"'],
  [
    "/api/v1.3/events?end_time=2026-02-30T00:00:00Z",
    "GET",
    undefined,
    400,
    '"end_time"',
  ],
  // Bodies.
  [containers, "POST", "{", 400, "Cannot parse the body as JSON"],
  [containers, "POST", "[1]", 400, "expected an object"],
  [containers, "POST", "\xff\xfe", 400, "Cannot read the body"],
  [containers, "POST", '{"num_stats":"1"}', 400, '"num_stats"'],
  [containers, "POST", '{"num_stats":-2}', 400, '"num_stats"'],
  [containers, "POST", '{"start":"yesterday"}', 400, '"start"'],
  [
    containers,
    "POST",
    '{"start":"2026-11-23T00:00:02Z","end":"2026-11-23T00:00:01Z"}',
    400,
    '"start": it is later than "end"',
  ],
  [containers, "POST", " ".repeat(65_537), 413, "longer than 65536 bytes"],
  ["/api/v1.2/docker/a", "POST", "nonsense", 400, "as JSON"],
  // Methods.
  [containers, "PUT", "{}", 405, "expected one of GET, HEAD, POST"],
  [stats, "POST", "{}", 405, "expected one of GET, HEAD"],
  [stats, "BREW", undefined, 405, "Cannot BREW"],
  ["/healthz", "DELETE", undefined, 405, "Cannot DELETE"],
  // Paths that a file system would resolve.
  [
    `${containers}/../../../../etc/passwd`,
    "GET",
    undefined,
    404,
    "/etc/passwd",
  ],
  [`${containers}/%2e%2e/%2E%2e/etc`, "GET", undefined, 404, "Unknown"],
  [
    `${containers}/..%2f..%2fetc%2fpasswd`,
    "GET",
    undefined,
    404,
    '"/etc/passwd"',
  ],
  [`${containers}/..%5c..%5cetc`, "GET", undefined, 404, "Unknown container"],
  [`${containers}/a%00b`, "GET", undefined, 400, "null byte"],
  [`${containers}/%zz`, "GET", undefined, 400, 'Cannot decode "%zz"'],
  [`${containers}/%ff`, "GET", undefined, 400, 'Cannot decode "%ff"'],
  [`//api//v1.3//containers`, "GET", undefined, 404, "Unknown"],
  [`/${"a".repeat(10_240)}`, "GET", undefined, 414, "longer than 8192 bytes"],
  [`${stats}?count=${"9".repeat(10_240)}`, "GET", undefined, 414, "8192 bytes"],
];

Deno.test("the API rejects each invalid request with its own status and error", async (t) => {
  const server = await listen();
  for (const [target, method, body, status, reason] of WRONG) {
    const shown = `${method} ${target.slice(0, 60)} ${
      body?.slice(0, 20) ?? ""
    }`;
    await t.step(shown, async () => {
      const response = await send(server, requestText(target, method, body));
      assertEquals(response.status, status, response.body);
      const { error, ...rest } = JSON.parse(response.body);
      assertEquals(rest, {});
      assertStringIncludes(error, reason);
      // The error truncates what the client sent.
      assert(error.length < 400, error);
      assertStringIncludes(response.head, "content-type: application/json");
      assertEquals(/^allow: /m.test(response.head), status === 405);
    });
  }
  // The server still works.
  const { status, body } = await send(server, requestText(`${containers}/a`));
  assertEquals([status, JSON.parse(body).name], [200, "/a"]);
  await server.shutdown();
});

Deno.test("the API accepts unusual spellings of a container name", async () => {
  const server = await listen();
  for (
    const target of [
      `${containers}//a`,
      `${containers}/a/`,
      `${containers}/./a`,
      `${containers}/x/../a`,
      `${containers}/x%2f..%2fa`,
      `${containers}/%61`,
      `http://elsewhere.example${containers}/a`,
    ]
  ) {
    const { status, body } = await send(server, requestText(target));
    assertEquals([status, JSON.parse(body).name], [200, "/a"], target);
  }
  await server.shutdown();
});

Deno.test("the server rejects invalid HTTP and continues to serve", async () => {
  const server = await listen();
  for (
    const bytes of [
      "nonsense\r\n\r\n",
      "GET /healthz HTTP/9.9\r\n\r\n",
      "GET /health z HTTP/1.1\r\nhost: x\r\n\r\n",
      `GET /${"a".repeat(1_000_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
      "GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
    ]
  ) {
    let status = 0;
    try {
      ({ status } = await send(server, bytes));
    } catch {
      // The server closed the connection early.
    }
    assert(status === 0 || Number.isNaN(status) || status >= 400, `${status}`);
  }
  assertEquals((await send(server, requestText("/healthz"))).status, 200);
  await server.shutdown();
});

/** Header lines, and the status of the response. */
const HOSTS: readonly [string, number][] = [
  ["", 400],
  ["Host:", 400],
  ["Host: ", 400],
  ["Host: evil@127.0.0.1", 400],
  ["Host: [::1", 400],
  ['Host: "[::1"', 400],
  ["Host: a b", 400],
  ["Host: a/b", 400],
  ["Host: localhost#x", 400],
  ["Host: localhost\\evil", 400],
  ["Host: localhost:99999", 400],
  ["Host: localhost:x", 400],
  ["Host: \x80", 400],
  ["Host: localhost\xa0", 400],
  ["Host: localhost\r\nHost: evil.example", 400],
  ["Host: evil.example", 403],
  ["Host: localhost.evil.example", 403],
  ["Host: [::1]", 403],
  ["Host: LOCALHOST:1", 200],
  ["Host: 127.0.0.1", 200],
];

Deno.test("the guard rejects every invalid host that Deno accepts, before any handler", async (t) => {
  const errors: string[] = [];
  const server = await listen({
    ...silentLogger,
    error: (message) => errors.push(message),
  });
  for (const [line, status] of HOSTS) {
    for (const version of ["1.0", "1.1"]) {
      await t.step(`${JSON.stringify(line)} with HTTP/${version}`, async () => {
        const head = line === "" ? "" : `${line}\r\n`;
        const response = await send(
          server,
          `GET /healthz HTTP/${version}\r\n${head}connection: close\r\n\r\n`,
        );
        assertEquals(response.status, status, response.body);
        assert(!/\.ts|\bat /.test(response.body), response.body);
      });
    }
  }
  for (
    const request of [
      "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n",
      "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n",
    ]
  ) {
    const { status } = await send(
      server,
      `${request}connection: close\r\n\r\n`,
    );
    assertEquals(status, 403, request);
  }
  assertEquals(errors, []);
  await server.shutdown();
});

Deno.test("the API responds to unusual methods, header bytes and bodies without a 500", async (t) => {
  const errors: string[] = [];
  const server = await listen({
    ...silentLogger,
    error: (message) => errors.push(message),
  });
  const odd = (method: string, target: string, more = "") =>
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n${more}\r\n`;
  for (
    const [request, expected] of [
      [odd("get", `${containers}/a`), 405],
      [odd("Post", `${containers}/a`, "content-length: 0\r\n"), 405],
      [odd("head", "/prometheus"), 405],
      [odd("TRACE", "/prometheus"), 405],
      [odd("track", "/healthz"), 405],
      [odd("OPTIONS", "/healthz"), 405],
      [odd("OPTIONS", "*"), 404],
      [odd("GET", "/healthz", "a: \x80\x9f\r\n"), 200],
      [odd("GET", "/prometheus", "accept: \xa0\x85\r\n"), 200],
      [odd("GET", "/healthz", "accept-encoding: \xa0gzip\xa0\r\n"), 200],
      [odd("GET", "/healthz", "authorization: Bearer \x9f\xa0\r\n"), 200],
      [odd("GET", "/prometheus", "content-length: 3\r\n") + "abc", 200],
      [
        odd("GET", `${containers}/a`, "transfer-encoding: chunked\r\n") +
        "3\r\nabc\r\n0\r\n\r\n",
        200,
      ],
      [odd("HEAD", `${containers}/a`, "content-length: 3\r\n") + "abc", 200],
    ] as const
  ) {
    await t.step(JSON.stringify(request), async () => {
      const { status, head, body } = await send(server, request);
      assertEquals(status, expected, body);
      assertEquals(/^allow: GET, HEAD/m.test(head), status === 405);
    });
  }
  assertEquals(errors, []);
  await server.shutdown();
});
