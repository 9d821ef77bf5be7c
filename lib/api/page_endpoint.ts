import { STATUS_CODE } from "@std/http/status";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { ApiDependencies, Call } from "./answers.ts";
import { HttpError, textResponse } from "./json_response.ts";

/** The path below which the files of the page are; they contain no secret. */
export const PAGE_FILES = "/web";

/** No script, style or request but the page's own; no other page around it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/** Returns the page for people, or one of its files: 304 if the client has it. */
export async function handlePage(
  { request, name }: Call,
  { page }: ApiDependencies,
): Promise<Response> {
  const file = await page(name);
  if (file === undefined) {
    throw new HttpError(STATUS_CODE.NotFound, "The page has no such file");
  }
  const { etag, text, contentType } = file;
  const known = request.headers.get("if-none-match") ?? "";
  const response = known.split(/\s*,\s*/).includes(etag)
    ? new Response(null, { status: STATUS_CODE.NotModified })
    : textResponse(request, [text], { contentType });
  for (
    const [key, value] of [
      // Requested at each visit, which costs a 304: another version of the agent may run.
      ["cache-control", "no-cache"],
      ["content-security-policy", CONTENT_SECURITY_POLICY],
      ["etag", etag],
      ["referrer-policy", "no-referrer"],
      ["x-content-type-options", "nosniff"],
    ] as const
  ) response.headers.set(key, value);
  return response;
}

/** Redirects from the address of cAdvisor's page of a container to the view of the container. */
export function handleContainerPage({ request, name }: Call): Response {
  return redirect(
    request,
    name === ROOT ? "#/containers" : `#/container${encoded(name)}`,
  );
}

/** Redirects from cAdvisor's page of a Docker container, named by id, name, or unique prefix of one. */
export function handleDockerPage({ request, name }: Call): Response {
  return redirect(
    request,
    name === ROOT
      ? "#/containers?filter=type%3Adocker"
      : `#/docker${encoded(name)}`,
  );
}

/** The location is relative, as a proxy or `--url-base-prefix` may put a path before the request's. */
function redirect(request: Request, view: string): Response {
  const depth = new URL(request.url).pathname.split("/").length - 2;
  const location = `${"../".repeat(depth) || "./"}${view}`;
  return new Response(null, {
    status: STATUS_CODE.Found,
    headers: { location, "content-length": "0" },
  });
}

function encoded(name: CgroupName): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
