// Longer than other files: it has the one table of endpoints.

import { STATUS_CODE } from "@std/http/status";
import { type Route, route } from "@std/http/unstable-route";
import { type CgroupName, cleanName } from "../model/cgroup.ts";
import { BadRequestError } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import {
  answerContainer,
  answerDeprecatedStats,
  answerDocker,
  answerEvents,
  answerMachineStats,
  answerPs,
  answerReady,
  answerSpec,
  answerStats,
  answerSubcontainers,
  answerSummary,
  answerVersion,
  type ApiDependencies,
  type Call,
} from "./answers.ts";
import {
  answerMetrics,
  answerNodeSummary,
  answerResource,
} from "./metrics_answers.ts";
import {
  errorResponse,
  failureResponse,
  headOf,
  HttpError,
} from "./json_response.ts";

import {
  answerAttributes,
  answerMachine,
  answerStorage,
} from "./machine_answers.ts";

import { handleExplain } from "./explain_endpoint.ts";
import {
  handleContainerPage,
  handleDockerPage,
  handlePage,
  PAGE_FILES,
} from "./page_endpoint.ts";
import { handleUsage } from "./usage_endpoint.ts";

export type { ApiDependencies } from "./answers.ts";

type Version = typeof V1[number] | typeof V2[number];

/** One path; or, where there are versions, one type of request of each of them. */
interface Endpoint {
  /** The whole path, or what follows the version. */
  readonly path: string;
  /** The versions of the API that have it. @default none, it stands for itself */
  readonly versions?: readonly Version[];
  /** Whether a container's name may follow the path. @default false */
  readonly takesContainer?: boolean;
  /** @default ["GET", "HEAD"] */
  readonly methods?: readonly string[];
  answer(
    call: Call,
    dependencies: ApiDependencies,
  ): Response | Promise<Response>;
}

/** As much of a bad path as an error repeats. */
const SHOWN_LENGTH = 100;
/** The longest address that is read, in characters, which are bytes here. */
const MAX_URL_LENGTH = 8 * 1024;

const READ_METHODS = ["GET", "HEAD"] as const;
/** cAdvisor's clients send their request for containers as a body; the kubelet allows both. */
const QUERY_METHODS = ["GET", "HEAD", "POST"] as const;

const V1 = ["v1.0", "v1.1", "v1.2", "v1.3"] as const;
const V2 = ["v2.0", "v2.1"] as const;
const VERSIONS: readonly Version[] = [...V1, ...V2];

/** All that is answered. */
const ENDPOINTS: readonly Endpoint[] = [
  { path: "/healthz", answer: () => new Response("ok") },
  { path: "/readyz", answer: answerReady },
  { path: "/metrics", answer: answerMetrics },
  { path: "/metrics/resource", answer: answerResource },
  {
    path: "/stats/summary",
    methods: QUERY_METHODS,
    answer: answerNodeSummary,
  },
  {
    path: "containers",
    versions: V1,
    takesContainer: true,
    methods: QUERY_METHODS,
    answer: answerContainer,
  },
  {
    path: "subcontainers",
    versions: V1.slice(1),
    takesContainer: true,
    methods: QUERY_METHODS,
    answer: answerSubcontainers,
  },
  {
    path: "docker",
    versions: V1.slice(2),
    takesContainer: true,
    methods: QUERY_METHODS,
    answer: answerDocker,
  },
  {
    path: "events",
    versions: [...V1.slice(3), ...V2],
    takesContainer: true,
    answer: answerEvents,
  },
  // Not used, but cAdvisor too passes over what follows.
  {
    path: "version",
    versions: V2,
    takesContainer: true,
    answer: answerVersion,
  },
  {
    path: "stats",
    versions: ["v2.0"],
    takesContainer: true,
    answer: answerDeprecatedStats,
  },
  {
    path: "stats",
    versions: ["v2.1"],
    takesContainer: true,
    answer: answerStats,
  },
  {
    path: "machine",
    versions: VERSIONS,
    takesContainer: true,
    answer: answerMachine,
  },
  {
    path: "attributes",
    versions: V2,
    takesContainer: true,
    answer: answerAttributes,
  },
  {
    path: "storage",
    versions: V2,
    takesContainer: true,
    answer: answerStorage,
  },
  {
    path: "machinestats",
    versions: ["v2.1"],
    takesContainer: true,
    answer: answerMachineStats,
  },
  { path: "spec", versions: V2, takesContainer: true, answer: answerSpec },
  {
    path: "summary",
    versions: V2,
    takesContainer: true,
    answer: answerSummary,
  },
  { path: "ps", versions: V2, takesContainer: true, answer: answerPs },
  {
    path: "usage",
    versions: ["v2.1"],
    takesContainer: true,
    answer: handleUsage,
  },
  { path: "explain", versions: ["v2.1"], answer: handleExplain },
  { path: "/", answer: handlePage },
  { path: PAGE_FILES, takesContainer: true, answer: handlePage },
  { path: "/containers", takesContainer: true, answer: handleContainerPage },
  { path: "/docker", takesContainer: true, answer: handleDockerPage },
];

/**
 * The whole HTTP API as one function, which needs no socket. It does not
 * throw: what goes wrong is answered as `{"error":"…"}`.
 */
export function createHandler(
  dependencies: ApiDependencies,
): (request: Request) => Promise<Response> {
  const routes = ENDPOINTS.map((endpoint): Route => ({
    pattern: patternOf(endpoint),
    method: [...endpoint.methods ?? READ_METHODS],
    handler: (request, params) =>
      endpoint.answer(
        callOf(request, params?.pathname.groups["name"]),
        dependencies,
      ),
  }));
  const dispatch = route(routes, (request) => {
    const found = ENDPOINTS.find((endpoint) =>
      patternOf(endpoint).test(request.url)
    );
    throw found === undefined
      ? unknownPath(new URL(request.url).pathname)
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

function patternOf(
  { path, versions, takesContainer = false }: Endpoint,
): URLPattern {
  const base = versions === undefined
    ? path
    : `/api/(${versions.join("|").replaceAll(".", "\\.")})/${path}`;
  return new URLPattern({
    pathname: takesContainer ? `${base}{/:name(.*)}?` : base,
  });
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
  let decoded: string;
  try {
    decoded = decodeURIComponent(rest);
  } catch (error) {
    throw new BadRequestError(
      `Cannot decode "${rest}": a "%" must begin a byte of UTF-8, as %25 does for itself`,
      { cause: error },
    );
  }
  if (decoded.includes("\0")) {
    throw new BadRequestError(
      `Cannot use "${rest}": no container has the byte 0 in its name`,
    );
  }
  return cleanName(decoded);
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
function unknownPath(pathname: string): Error {
  const [, top, version = "", type = ""] = pathname.split("/");
  if (top !== "api") return notFound(`Unknown path ${quote(pathname)}`);
  if (version === "") {
    return new BadRequestError(`Supported API versions: ${VERSIONS.join(",")}`);
  }
  const types = typesOf(version).join(",");
  if (types === "") {
    return notFound(
      `Unknown API version ${quote(version)}: known are ${VERSIONS.join(", ")}`,
    );
  }
  return type === ""
    ? new BadRequestError(`Supported request types: "${types}"`)
    : notFound(
      `Unknown request type ${quote(type)} of ${version}: known are ${types}`,
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

/** As much of a path as an error repeats. */
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
