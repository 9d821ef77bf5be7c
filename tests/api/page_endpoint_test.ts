import { assertEquals } from "@std/assert";
import {
  handleContainerPage,
  handleDockerPage,
  handlePage,
} from "../../lib/api/page_endpoint.ts";
import type {
  ApiDependencies,
  RequestContext,
} from "../../lib/api/endpoints.ts";

const page: ApiDependencies["page"] = (path) =>
  Promise.resolve(
    path === "/"
      ? { contentType: "text/html", text: "<p>", etag: 'W/"1"' }
      : undefined,
  );

function callOf(
  path: string,
  headers: HeadersInit = {},
  name = "/",
): RequestContext {
  const request = new Request(`http://localhost${path}`, { headers });
  return { request, query: new URLSearchParams(), name };
}

async function respond(headers: HeadersInit = {}): Promise<Response> {
  return await handlePage(callOf("/", headers), { page } as ApiDependencies);
}

Deno.test("handlePage() returns the file with a policy that allows only the own origin", async () => {
  const response = await respond();
  assertEquals(await response.text(), "<p>");
  assertEquals(response.headers.get("etag"), 'W/"1"');
  assertEquals(response.headers.get("content-type"), "text/html");
  assertEquals(response.headers.get("cache-control"), "no-cache");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  assertEquals(
    response.headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
  );
});

Deno.test("handlePage() returns 304 if the client has the file", async () => {
  const response = await respond({ "if-none-match": '"0", W/"1"' });
  assertEquals(response.status, 304);
  assertEquals(response.body, null);
  const other = await respond({ "if-none-match": '"1"' });
  assertEquals(other.status, 200);
  await other.body?.cancel();
});

Deno.test("cAdvisor's addresses redirect to the views, below any path of a proxy", () => {
  for (
    const [path, name, base, wanted] of [
      ["/containers", "/", "/x/containers", "/x/#/containers"],
      ["/containers/", "/", "/x/containers/", "/x/#/containers"],
      [
        "/containers/a/b%20c",
        "/a/b c",
        "/x/containers/a/b%20c",
        "/x/#/container/a/b%20c",
      ],
      ["/containers/a%23", "/a#", "/x/containers/a%23", "/x/#/container/a%23"],
    ] as const
  ) {
    const { status, headers } = handleContainerPage(callOf(path, {}, name));
    assertEquals(status, 302);
    const { href } = new URL(
      headers.get("location") ?? "",
      `http://proxy${base}`,
    );
    assertEquals(href, `http://proxy${wanted}`, path);
  }
  const { headers } = handleDockerPage(callOf("/docker/web", {}, "/web"));
  assertEquals(headers.get("location"), "../#/docker/web");
  const all = handleDockerPage(callOf("/docker", {}, "/"));
  assertEquals(
    all.headers.get("location"),
    "./#/containers?filter=type%3Adocker",
  );
});
