import { STATUS_CODE } from "@std/http/status";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import {
  conditionalResponse,
  HttpError,
  textResponse,
} from "./json_response.ts";

/** Only the agent's own scripts, styles and requests; no embedding. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

const PAGE = "/";

/** The web page. */
export function handlePage(
  { request }: RequestContext,
  { page }: ApiDependencies,
): Promise<Response> {
  return fileResponse(request, page, PAGE);
}

/** A file of the web page. */
export async function handlePageFile(
  { request, name }: RequestContext,
  { page }: ApiDependencies,
): Promise<Response> {
  if (name === PAGE) throw unknownFile();
  return await fileResponse(request, page, name);
}

async function fileResponse(
  request: Request,
  page: ApiDependencies["page"],
  path: string,
): Promise<Response> {
  const file = await page(path);
  if (file === undefined) throw unknownFile();
  const { etag, text, contentType } = file;
  const response = conditionalResponse(
    request,
    etag,
    () => textResponse(request, [text], { contentType }),
  );
  for (
    const [key, value] of [
      ["content-security-policy", CONTENT_SECURITY_POLICY],
      ["referrer-policy", "no-referrer"],
      ["x-content-type-options", "nosniff"],
    ] as const
  ) response.headers.set(key, value);
  return response;
}

function unknownFile(): HttpError {
  return new HttpError(STATUS_CODE.NotFound, "Unknown file of the web page");
}

/** Redirects from the path of cAdvisor's container page. */
export function handleContainerPage(
  { request, name }: RequestContext,
): Response {
  return redirect(
    request,
    name === ROOT ? "#/containers" : `#/container${encoded(name)}`,
  );
}

/**
 * Redirects from the path of cAdvisor's Docker page, with an ID, a name, or a
 * unique prefix.
 */
export function handleDockerPage({ request, name }: RequestContext): Response {
  return redirect(
    request,
    name === ROOT
      ? "#/containers?filter=type%3Adocker"
      : `#/docker${encoded(name)}`,
  );
}

/** The location is relative: a proxy or `--url-base-prefix` may add a prefix. */
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
