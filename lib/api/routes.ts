import { STATUS_CODE } from "@std/http/status";
import { type Route, route } from "@std/http/unstable-route";
import { type CgroupName, cleanName } from "../model/cgroup.ts";
import { BadRequestError } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import {
  answerContainer,
  answerEvents,
  answerReady,
  answerSpec,
  answerStats,
  answerSubcontainers,
  type ApiDependencies,
  type Call,
} from "./answers.ts";
import {
  answerAttributes,
  answerMachine,
  answerStorage,
} from "./machine_answers.ts";
import {
  errorResponse,
  failureResponse,
  headOf,
  HttpError,
  jsonResponse,
} from "./json_response.ts";

export type { ApiDependencies } from "./answers.ts";

/** One path of the API. */
interface Endpoint {
  readonly path: string;
  /** Whether a container's name may follow the path. @default false */
  readonly takesContainer?: boolean;
  /** @default ["GET", "HEAD"] */
  readonly methods?: readonly string[];
  answer(call: Call): Response | Promise<Response>;
}

/** The longest address that is read, in characters, which are bytes here. */
const MAX_URL_LENGTH = 8 * 1024;

const READ_METHODS = ["GET", "HEAD"] as const;
/** cAdvisor's clients send their request for containers as a body. */
const QUERY_METHODS = ["GET", "HEAD", "POST"] as const;

/**
 * The whole HTTP API as one function, which needs no socket. It does not
 * throw: what goes wrong is answered as `{"error":"…"}`.
 */
export function createHandler(
  dependencies: ApiDependencies,
): (request: Request) => Promise<Response> {
  const endpoints = endpointsOf(dependencies);
  const routes = endpoints.map((endpoint): Route => ({
    pattern: patternOf(endpoint),
    method: [...endpoint.methods ?? READ_METHODS],
    handler: (request, params) =>
      endpoint.answer(callOf(request, params?.pathname.groups[0])),
  }));
  const dispatch = route(routes, (request) => {
    const found = endpoints.find((endpoint) =>
      patternOf(endpoint).test(request.url)
    );
    throw found === undefined
      ? unknownPath(endpoints, new URL(request.url).pathname)
      : wrongMethod(found, request.method);
  });
  return async function handle(request) {
    const response = await answer(request, dispatch, dependencies.logger);
    return request.method === "HEAD" ? await headOf(response) : response;
  };
}

async function answer(
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

function endpointsOf(dependencies: ApiDependencies): readonly Endpoint[] {
  const { questions } = dependencies;
  const events = (call: Call) => answerEvents(call, dependencies);
  return [
    { path: "/healthz", answer: () => new Response("ok") },
    { path: "/readyz", answer: (call) => answerReady(call, dependencies) },
    {
      path: "/api/v1.3/containers",
      takesContainer: true,
      methods: QUERY_METHODS,
      answer: (call) => answerContainer(call, dependencies),
    },
    {
      path: "/api/v1.3/subcontainers",
      takesContainer: true,
      methods: QUERY_METHODS,
      answer: (call) => answerSubcontainers(call, dependencies),
    },
    { path: "/api/v1.3/events", takesContainer: true, answer: events },
    {
      path: "/api/v2.1/version",
      // Not used, but cAdvisor too passes over what follows.
      takesContainer: true,
      answer: ({ request }) =>
        jsonResponse(request, questions.versionInfo().version),
    },
    {
      path: "/api/v2.1/stats",
      takesContainer: true,
      answer: (call) => answerStats(call, dependencies),
    },
    {
      path: "/api/v2.1/spec",
      takesContainer: true,
      answer: (call) => answerSpec(call, dependencies),
    },
    { path: "/api/v2.1/events", takesContainer: true, answer: events },
    ...["v1.0", "v1.1", "v1.2", "v1.3", "v2.0", "v2.1"].map((version) => ({
      path: `/api/${version}/machine`,
      takesContainer: true,
      answer: (call: Call) => answerMachine(call, dependencies),
    })),
    ...["v2.0", "v2.1"].flatMap((version) => [{
      path: `/api/${version}/attributes`,
      takesContainer: true,
      answer: (call: Call) => answerAttributes(call, dependencies),
    }, {
      path: `/api/${version}/storage`,
      takesContainer: true,
      answer: (call: Call) => answerStorage(call, dependencies),
    }]),
  ];
}

function patternOf({ path, takesContainer = false }: Endpoint): URLPattern {
  return new URLPattern({ pathname: takesContainer ? `${path}{/*}?` : path });
}

function callOf(request: Request, rest = ""): Call {
  return {
    request,
    query: new URL(request.url).searchParams,
    name: nameOf(rest),
  };
}

/** The container named by the rest of a path: decoded, so that `%2F` parts names as `/` does. */
function nameOf(rest: string): CgroupName {
  try {
    return cleanName(decodeURIComponent(rest));
  } catch (error) {
    throw new BadRequestError(
      `Cannot decode "${rest}": a "%" must begin a byte of UTF-8, as %25 does for itself`,
      { cause: error },
    );
  }
}

function assertUrl(url: string): void {
  if (url.length > MAX_URL_LENGTH) {
    throw new HttpError(
      STATUS_CODE.URITooLong,
      `Cannot read the address as it is longer than ${MAX_URL_LENGTH} bytes`,
    );
  }
  if (!URL.canParse(url)) {
    throw new BadRequestError(
      'Cannot read the address: the header "Host" is not a host, or the path not a path',
    );
  }
}

function wrongMethod(endpoint: Endpoint, method: string): HttpError {
  const allowed = (endpoint.methods ?? READ_METHODS).join(", ");
  return new HttpError(
    STATUS_CODE.MethodNotAllowed,
    `Cannot ${method} "${endpoint.path}": allowed is ${allowed}`,
    { "allow": allowed },
  );
}

/** 404; and 400, as in cAdvisor, for the two folders above the questions. */
function unknownPath(
  endpoints: readonly Endpoint[],
  pathname: string,
): Error {
  const parts = endpoints.map(({ path }) => path.split("/"))
    .filter(([, top]) => top === "api");
  const versions = new Set(parts.map(([, , version]) => version));
  const [, top, version = "", type = ""] = pathname.split("/");
  if (top !== "api" || (version !== "" && !versions.has(version))) {
    return new HttpError(
      STATUS_CODE.NotFound,
      top === "api"
        ? `Unknown API version "${version}": known are ${
          [...versions].join(", ")
        }`
        : `Unknown path "${pathname}"`,
    );
  }
  if (version === "") {
    return new BadRequestError(
      `Supported API versions: ${[...versions].join(",")}`,
    );
  }
  const types = parts.filter(([, , of]) => of === version)
    .map(([, , , name]) => name).join(",");
  return type === ""
    ? new BadRequestError(`Supported request types: "${types}"`)
    : new HttpError(
      STATUS_CODE.NotFound,
      `Unknown request type "${type}" of ${version}: known are ${types}`,
    );
}

function internalError(
  error: unknown,
  request: Request,
  logger: Logger,
): Response {
  logger.error("Cannot answer request", {
    method: request.method,
    url: request.url,
    error: error instanceof Error ? error.stack : String(error),
  });
  return errorResponse(
    STATUS_CODE.InternalServerError,
    "Cannot answer: the agent has a fault, which its log tells",
  );
}
