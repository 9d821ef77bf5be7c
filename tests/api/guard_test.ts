import { assertEquals } from "@std/assert";
import { guard, type GuardOptions } from "../../lib/api/guard.ts";
import { Tokens } from "../../lib/api/tokens.ts";
import { parseListenAddress } from "../../lib/model/listen_address.ts";

/** Returns the path that the handler received, or the status of the rejection. */
async function ask(
  url: string,
  options: Partial<GuardOptions> = {},
  { listen = "127.0.0.1:8080", headers = {} } = {},
): Promise<string | number> {
  const handler = guard(
    (request) => new Response(new URL(request.url).pathname),
    {
      tokens: () => undefined,
      allowedHosts: [],
      basePath: "",
      metricsPath: "/metrics",
      ...options,
    },
  );
  const { host } = new URL(url);
  const request = new Request(url, { headers: { host, ...headers } });
  const response = await handler(request, parseListenAddress(listen));
  const text = await response.text();
  return response.status === 200 ? text : response.status;
}

Deno.test("guard() requires a token on every path except /healthz and the web page", async () => {
  const tokens = () => new Tokens(["secret"]);
  const headers = { authorization: "Bearer secret" };
  assertEquals(await ask("http://localhost/healthz", { tokens }), "/healthz");
  for (
    const path of [
      "/readyz",
      "/metrics",
      "/healthz/",
      "//healthz",
      "/healthz%2f",
      "/x/../healthzz",
      "/api/v1.3/events?/healthz",
    ]
  ) {
    const url = `http://localhost${path}`;
    assertEquals(await ask(url, { tokens }), 401, path);
    assertEquals(typeof await ask(url, { tokens }, { headers }), "string");
  }
});

Deno.test("guard() requires no token for the web page, but for metrics at a path of the page", async () => {
  const tokens = () => new Tokens(["secret"]);
  for (
    const path of [
      "/",
      "/web/main.js",
      "/containers",
      "/containers/a",
      "/docker/a",
    ]
  ) {
    assertEquals(await ask(`http://localhost${path}`, { tokens }), path);
  }
  for (const path of ["/webx", "/containersx", "//", "/web/metrics"]) {
    const options = { tokens, metricsPath: "/web/metrics" };
    assertEquals(await ask(`http://localhost${path}`, options), 401, path);
  }
});

Deno.test("guard() redirects from the path prefix to the web page", async () => {
  const options = { basePath: "/node/a" };
  assertEquals(await ask("http://localhost/node/a", options), 302);
  assertEquals(await ask("http://localhost/node/a/", options), "/");
});

Deno.test("guard() reads the tokens for each request", async () => {
  let tokens = new Tokens(["old"]);
  const headers = { authorization: "Bearer new" };
  const options = { tokens: () => tokens };
  assertEquals(await ask("http://localhost/x", options, { headers }), 401);
  tokens = new Tokens(["new"]);
  assertEquals(await ask("http://localhost/x", options, { headers }), "/x");
});

Deno.test("guard() rejects on loopback a host that is neither the address nor allowed", async () => {
  const allowedHosts = ["Cg.Example"];
  for (
    const [host, listen, wanted] of [
      ["127.0.0.1:8080", "127.0.0.1:8080", "/x"],
      ["127.0.0.1:1", "127.0.0.1:8080", "/x"],
      ["localhost", "127.0.0.1:8080", "/x"],
      ["[::1]:8080", "[::1]:8080", "/x"],
      ["cg.example", "127.0.0.1:8080", "/x"],
      ["evil.example", "127.0.0.1:8080", 403],
      ["localhost.evil.example", "127.0.0.1:8080", 403],
      ["127.0.0.1.nip.example", "127.0.0.1:8080", 403],
      ["10.0.0.1", "[::1]:8080", 403],
      ["evil.example", "10.0.0.1:8080", "/x"],
      ["evil.example", "unix:/run/x.sock", "/x"],
    ] as const
  ) {
    assertEquals(
      await ask(`http://${host}/x`, { allowedHosts }, { listen }),
      wanted,
      host,
    );
  }
});

Deno.test("guard() removes the base path, and maps the metrics path", async () => {
  const options = { basePath: "/cg", metricsPath: "/m" };
  assertEquals(await ask("http://localhost/cg/api/x?y", options), "/api/x");
  assertEquals(await ask("http://localhost/cg/m", options), "/metrics");
  assertEquals(await ask("http://localhost/cgroup/x", options), 404);
  assertEquals(await ask("http://localhost/healthz", options), 404);
});

Deno.test("guard() keeps body and query of a request whose path it changes", async () => {
  const handler = guard(
    async (request) => new Response(request.url + await request.text()),
    {
      tokens: () => undefined,
      allowedHosts: [],
      basePath: "/cg",
      metricsPath: "/metrics",
    },
  );
  const request = new Request("http://localhost/cg/x?y=1", {
    method: "POST",
    body: "body",
  });
  const response = await handler(request, { type: "unix", path: "/x" });
  assertEquals(await response.text(), "http://localhost/x?y=1body");
});

Deno.test("guard() requires Host with HTTP/1 on loopback, but not with HTTP/2 or on a unix socket", async () => {
  const handler = guard((request) => new Response(request.method), {
    tokens: () => undefined,
    allowedHosts: [],
    basePath: "",
    metricsPath: "/metrics",
  });
  for (
    const [url, listen, status] of [
      ["http://localhost:8080/x", "127.0.0.1:8080", 400],
      ["https://localhost:8080/x", "127.0.0.1:8080", 200],
      ["https://evil.example/x", "127.0.0.1:8080", 403],
      ["http://localhost:8080/x", "10.0.0.1:8080", 200],
      ["http+unix://%2Frun%2Fx.sock/x", "unix:/run/x.sock", 200],
    ] as const
  ) {
    const response = await handler(
      new Request(url),
      parseListenAddress(listen),
    );
    assertEquals(response.status, status, `${url} on ${listen}`);
  }
});

Deno.test("guard() rejects methods that a Request cannot have", async () => {
  const handler = guard(() => new Response(), {
    tokens: () => undefined,
    allowedHosts: [],
    basePath: "",
    metricsPath: "/metrics",
  });
  for (const method of ["brew", "X-Y"]) {
    const response = await handler(
      new Request("http://localhost/x", { method }),
      { type: "unix", path: "/x" },
    );
    assertEquals(response.status, 405, method);
    assertEquals(response.headers.get("allow"), "GET, HEAD, POST");
  }
});
