import { STATUS_CODE } from "@std/http/status";
import { type Route, route } from "@std/http/unstable-route";
import { type CgroupName, cleanName } from "../model/cgroup.ts";
import { BadRequestError } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import {
  type Endpoint,
  ENDPOINTS,
  READ_METHODS,
  VERSIONS,
} from "./endpoint_table.ts";
import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import {
  errorResponse,
  failureResponse,
  headOf,
  HttpError,
} from "./json_response.ts";

export type { ApiDependencies } from "./endpoints.ts";

/** Characters of an invalid path in errors. */
const SHOWN_LENGTH = 100;
/** Characters, each of which is a byte. */
const MAX_URL_LENGTH = 8 * 1024;

/**
 * Returns the HTTP API as one function, which needs no socket and does not
 * throw: errors become `{"error":"…"}`.
 */
export function createHandler(
  dependencies: ApiDependencies,
): (request: Request) => Promise<Response> {
  const routes = ENDPOINTS.map((endpoint): Route => ({
    pattern: patternOf(endpoint),
    method: [...endpoint.methods ?? READ_METHODS],
    handler: (request, params) =>
      endpoint.handle(
        contextOf(endpoint, request, params?.pathname.groups["name"]),
        dependencies,
      ),
  }));
  const dispatch = route(routes, (request) => {
    const found = ENDPOINTS.find((endpoint) =>
      patternOf(endpoint).test(request.url)
    );
    throw found === undefined
      ? unknownPath(new URL(request.url).pathname)
      : methodNotAllowed(found, request.method);
  });
  return async function handle(request) {
    const response = await respond(request, dispatch, dependencies.logger);
    return request.method === "HEAD" ? await headOf(response) : response;
  };
}

async function respond(
  request: Request,
  dispatch: (request: Request) => Response | Promise<Response>,
  logger: Logger,
): Promise<Response> {
  try {
    assertUrl(request.url);
    return await dispatch(request);
  } catch (error) {
    return failureResponse(error) ?? internalError(error, request, logger);
  }
}

function patternOf({ path, versions, rest }: Endpoint): URLPattern {
  const base = versions === undefined
    ? path
    : `/api/(${versions.join("|").replaceAll(".", "\\.")})/${path}`;
  return new URLPattern({
    pathname: rest === undefined
      ? base
      : rest === "file"
      ? `${base}/:name(.+)`
      : `${base}{/:name(.*)}?`,
  });
}

/**
 * Removes undeclared parameters, so that handlers read only those in the API
 * description.
 */
function contextOf(
  { parameters = [] }: Endpoint,
  request: Request,
  rest = "",
): RequestContext {
  const query = [...new URL(request.url).searchParams].filter(([key]) =>
    parameters.some(({ name }) => name === key)
  );
  return { request, query: new URLSearchParams(query), name: nameOf(rest) };
}

/**
 * Decodes the end of a path, a container or page file; `%2F` separates names as
 * `/` does.
 *
 * @throws {BadRequestError} if it is not UTF-8 or has a null byte
 */
function nameOf(rest: string): CgroupName {
  let decoded: string;
  try {
    decoded = decodeURIComponent(rest);
  } catch (error) {
    throw new BadRequestError(
      `Cannot decode "${rest}": expected UTF-8, percent-encoded, and %25 for "%"`,
      { cause: error },
    );
  }
  if (decoded.includes("\0")) {
    throw new BadRequestError(
      `Cannot use "${rest}": a container name has no null byte`,
    );
  }
  return cleanName(decoded);
}

function assertUrl(url: string): void {
  if (url.length > MAX_URL_LENGTH) {
    throw new HttpError(
      STATUS_CODE.URITooLong,
      `Cannot use the URL: it is longer than ${MAX_URL_LENGTH} bytes`,
    );
  }
  if (!URL.canParse(url)) {
    throw new BadRequestError(
      'Cannot parse the URL: the "Host" header or the path is invalid',
    );
  }
}

function methodNotAllowed(endpoint: Endpoint, method: string): HttpError {
  const allowed = (endpoint.methods ?? READ_METHODS).join(", ");
  return new HttpError(
    STATUS_CODE.MethodNotAllowed,
    `Cannot ${method} "${endpoint.path}": expected one of ${allowed}`,
    { "allow": allowed },
  );
}

/** Returns 404, but as cAdvisor 400 for `/api` and `/api/VERSION`. */
function unknownPath(pathname: string): Error {
  const [, top, version = "", type = ""] = pathname.split("/");
  if (top !== "api") return notFound(`Unknown path ${quote(pathname)}`);
  if (version === "") {
    return new BadRequestError(`Supported API versions: ${VERSIONS.join(",")}`);
  }
  const types = typesOf(version).join(",");
  if (types === "") {
    return notFound(
      `Unknown API version ${quote(version)}: expected one of ${
        VERSIONS.join(", ")
      }`,
    );
  }
  return type === ""
    ? new BadRequestError(`Supported request types: "${types}"`)
    : notFound(
      `Unknown request type ${
        quote(type)
      } of ${version}: expected one of ${types}`,
    );
}

function typesOf(version: string): string[] {
  return ENDPOINTS.filter(({ versions = [] }) =>
    versions.some((known) => known === version)
  ).map(({ path }) => path).toSorted();
}

function notFound(message: string): HttpError {
  return new HttpError(STATUS_CODE.NotFound, message);
}

function quote(text: string): string {
  return JSON.stringify(
    text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text,
  );
}

function internalError(
  error: unknown,
  request: Request,
  logger: Logger,
): Response {
  logger.error("Cannot handle request", {
    method: request.method,
    url: request.url,
    error: error instanceof Error ? error.stack : String(error),
  });
  return errorResponse(
    STATUS_CODE.InternalServerError,
    "Cannot handle the request: internal error, see the agent's log",
  );
}
