/**
 * The one table of endpoints: requests are routed by it, the API description is
 * built from it. Exceeds 300 lines: one table.
 *
 * @module
 */
import { PAGE_TYPES } from "../model/page_file.ts";
import {
  type ApiDependencies,
  handleContainer,
  handleDeprecatedStats,
  handleDocker,
  handleEvents,
  handleMachineStats,
  handlePs,
  handleReadyz,
  handleSpec,
  handleStats,
  handleSubcontainers,
  handleSummary,
  handleVersion,
  type RequestContext,
} from "./endpoints.ts";
import { EVENTS_PARAMETERS } from "./events_query.ts";
import { EXPLAIN_PARAMETERS, handleExplain } from "./explain_endpoint.ts";
import {
  handleAttributes,
  handleMachine,
  handleStorage,
  STORAGE_PARAMETERS,
} from "./machine_endpoints.ts";
import {
  EXPOSITION_TYPES,
  handleMetrics,
  handleNodeSummary,
  handleResourceMetrics,
  NAMES,
  ONLY_CPU_AND_MEMORY,
} from "./metrics_endpoints.ts";
import {
  handleContainerPage,
  handleDockerPage,
  handlePage,
  handlePageFile,
} from "./page_endpoint.ts";
import {
  type Parameter,
  REQUEST_PARAMETERS,
  ROOT_PARAMETERS,
} from "./parameters.ts";
import { handleUsage, USAGE_PARAMETERS } from "./usage_endpoint.ts";

/** cAdvisor's API versions. */
export const V1 = ["v1.0", "v1.1", "v1.2", "v1.3"] as const;
const V2 = ["v2.0", "v2.1"] as const;

/** An API version. */
export type Version = typeof V1[number] | typeof V2[number];

/** In ascending order. */
export const VERSIONS: readonly Version[] = [...V1, ...V2];

/** One path; with `versions`, one request type of each. */
export interface Endpoint {
  /** The whole path, or the part after `/api/VERSION/`. */
  readonly path: string;
  /** @default none, the path has no version */
  readonly versions?: readonly Version[];
  /**
   * Last part of the path; only a `file` is required. cAdvisor ignores it
   * on some paths. @default none
   */
  readonly rest?: "container" | "file" | "ignored";
  /** @default READ_METHODS */
  readonly methods?: readonly string[];
  readonly summary: string;
  /** A handler receives no others. @default none */
  readonly parameters?: readonly Parameter[];
  /** Optional JSON body of POST, as a field of `schema.ts`. @default none */
  readonly body?: string;
  /**
   * Content of a 200 by content type, as fields of `schema.ts`. @default none,
   * it redirects
   */
  readonly content?: Readonly<Record<string, string>>;
  /**
   * JSON of this endpoint's own statuses, as fields of `schema.ts`; without a
   * type, no body. @default none
   */
  readonly responses?: Readonly<Record<number, string>>;
  /** Requires no token. @default false */
  readonly isPublic?: boolean;
  handle(
    context: RequestContext,
    dependencies: ApiDependencies,
  ): Response | Promise<Response>;
}

/** Methods without a body. */
export const READ_METHODS = ["GET", "HEAD"] as const;
/** cAdvisor's clients POST their request for containers; the kubelet accepts POST too. */
const QUERY_METHODS = ["GET", "HEAD", "POST"] as const;

const REQUEST = "ContainerInfoRequest | null: Selects samples";

const NOT_FOUND = { 404: "Error: Unknown container" } as const;
const NOT_LISTED = {
  404: "Error: The containers have not been listed yet",
} as const;

const EXPOSITION = {
  [EXPOSITION_TYPES.prometheus]: "string: Prometheus text format 0.0.4",
  [EXPOSITION_TYPES.openmetrics]: "string: OpenMetrics 1.0",
} as const;

const NOT_MODIFIED = {
  304: ": The client has it, by the ETag of `If-None-Match`",
} as const;
const VIEW = {
  302: ": The view of the web page, as a relative `Location`",
} as const;

/** All endpoints. */
export const ENDPOINTS: readonly Endpoint[] = [
  {
    path: "/healthz",
    summary: "Liveness; requires no token",
    isPublic: true,
    content: { "text/plain;charset=UTF-8": "string: `ok`" },
    handle: () => new Response("ok"),
  },
  {
    path: "/readyz",
    summary: "Readiness and state of the data sources",
    content: { "application/json": "Readiness: The agent is ready" },
    responses: {
      503: "Readiness | Error: The agent is not ready, or is stopping",
    },
    handle: handleReadyz,
  },
  {
    path: "/openapi.json",
    summary: "This description",
    content: { "application/json": "object: OpenAPI 3.1" },
    responses: NOT_MODIFIED,
    async handle({ request }, { manager }) {
      // Loaded on request, to save memory.
      const { openApiResponse } = await import("./openapi.ts");
      return await openApiResponse(request, manager.versionInfo().version);
    },
  },
  {
    path: "/metrics",
    summary: "Metrics of containers, machine and agent",
    parameters: [NAMES, ...REQUEST_PARAMETERS],
    content: EXPOSITION,
    handle: handleMetrics,
  },
  {
    path: "/metrics/resource",
    summary: "The kubelet's resource metrics",
    parameters: [NAMES],
    content: EXPOSITION,
    handle: handleResourceMetrics,
  },
  {
    path: "/stats/summary",
    methods: QUERY_METHODS,
    summary: "The kubelet's Summary API",
    parameters: [ONLY_CPU_AND_MEMORY],
    content: { "application/json": "Summary: Usage of the node and its pods" },
    responses: NOT_LISTED,
    handle: handleNodeSummary,
  },
  {
    path: "containers",
    versions: V1,
    rest: "container",
    methods: QUERY_METHODS,
    summary: "A container: limits, samples and children",
    body: REQUEST,
    content: { "application/json": "ContainerInfo: The container" },
    responses: NOT_FOUND,
    handle: handleContainer,
  },
  {
    path: "subcontainers",
    versions: V1.slice(1),
    rest: "container",
    methods: QUERY_METHODS,
    summary: "A container and its subtree",
    body: REQUEST,
    content: { "application/json": "[ContainerInfo]: Sorted by name" },
    responses: NOT_FOUND,
    handle: handleSubcontainers,
  },
  {
    path: "docker",
    versions: V1.slice(2),
    rest: "container",
    methods: QUERY_METHODS,
    summary: "Docker containers: all, or one by ID, name or unique prefix",
    body: REQUEST,
    content: { "application/json": "{ContainerInfo}: By cgroup path" },
    responses: NOT_FOUND,
    handle: handleDocker,
  },
  {
    path: "events",
    versions: [...V1.slice(3), ...V2],
    rest: "container",
    summary: "Events, as an array or as a stream",
    parameters: EVENTS_PARAMETERS,
    content: {
      "application/json": "[Event]: Sorted by `seq`",
      "application/x-ndjson":
        "Event: One event per line; empty lines are heartbeats",
      "text/event-stream":
        "Event: One event per `data`, `id` is its `seq`; `Last-Event-ID` resumes",
    },
    responses: {
      503: "Error: Too many streams are open, or the agent is stopping",
    },
    handle: handleEvents,
  },
  {
    path: "version",
    versions: V2,
    rest: "ignored",
    summary: "Version of the agent",
    content: { "application/json": "string: Version" },
    handle: handleVersion,
  },
  {
    path: "stats",
    versions: ["v2.0"],
    rest: "container",
    summary: "Samples of containers, each section after its `has_…` flag",
    parameters: REQUEST_PARAMETERS,
    content: {
      "application/json":
        "{[DeprecatedContainerStats]}: By cgroup path, oldest first",
    },
    responses: NOT_FOUND,
    handle: handleDeprecatedStats,
  },
  {
    path: "stats",
    versions: ["v2.1"],
    rest: "container",
    summary: "Limits and samples of containers, without the root",
    parameters: REQUEST_PARAMETERS,
    content: { "application/json": "{ContainerInfoV2}: By cgroup path" },
    responses: NOT_FOUND,
    handle: handleStats,
  },
  {
    path: "machine",
    versions: VERSIONS,
    rest: "ignored",
    summary: "The machine",
    content: { "application/json": "MachineInfo: The machine" },
    handle: handleMachine,
  },
  {
    path: "attributes",
    versions: V2,
    rest: "ignored",
    summary: "The machine and its software versions",
    content: { "application/json": "Attributes: The machine" },
    handle: handleAttributes,
  },
  {
    path: "storage",
    versions: V2,
    rest: "ignored",
    summary: "File systems",
    parameters: STORAGE_PARAMETERS,
    content: {
      "application/json":
        "[FsInfo] | FsInfo: An array; with `uuid` one file system",
    },
    responses: { 404: "Error: Unknown UUID" },
    handle: handleStorage,
  },
  {
    path: "machinestats",
    versions: ["v2.1"],
    rest: "ignored",
    summary: "Samples of the machine",
    parameters: ROOT_PARAMETERS,
    content: { "application/json": "[MachineStats]: Oldest first" },
    responses: NOT_LISTED,
    handle: handleMachineStats,
  },
  {
    path: "spec",
    versions: V2,
    rest: "container",
    summary: "Limits and identity of containers",
    parameters: REQUEST_PARAMETERS,
    content: { "application/json": "{ContainerSpecV2}: By cgroup path" },
    responses: NOT_FOUND,
    handle: handleSpec,
  },
  {
    path: "summary",
    versions: V2,
    rest: "container",
    summary: "Usage of containers in the last minute, hour and day",
    parameters: REQUEST_PARAMETERS,
    content: { "application/json": "{DerivedStats}: By cgroup path" },
    responses: NOT_FOUND,
    handle: handleSummary,
  },
  {
    path: "ps",
    versions: V2,
    rest: "container",
    summary:
      "Processes of a container, for `/` of the machine; requires `--allow-ps`",
    parameters: REQUEST_PARAMETERS,
    content: { "application/json": "[ProcessInfo]: Processes" },
    responses: {
      403: "Error: `--allow-ps` is off, or the `Host` header is not allowed",
      ...NOT_FOUND,
    },
    handle: handlePs,
  },
  {
    path: "usage",
    versions: ["v2.1"],
    rest: "container",
    summary: "Table of the usage of containers, one row per sample",
    parameters: USAGE_PARAMETERS,
    content: { "application/json": "UsageTable: Rows by cgroup path" },
    responses: NOT_FOUND,
    handle: handleUsage,
  },
  {
    path: "explain",
    versions: ["v2.1"],
    summary: "OOM incidents; with `seq` the explanation of one kill",
    parameters: EXPLAIN_PARAMETERS,
    content: {
      "application/json":
        "OomIncidents | OomExplanation: Incidents; with `seq` an explanation",
    },
    responses: { 404: "Error: Unknown OOM kill" },
    handle: handleExplain,
  },
  {
    path: "/",
    summary: "The web page; requires no token",
    isPublic: true,
    content: { [PAGE_TYPES.html]: "string: HTML" },
    responses: NOT_MODIFIED,
    handle: handlePage,
  },
  {
    path: "/web",
    rest: "file",
    summary: "A file of the web page; requires no token",
    isPublic: true,
    content: {
      [PAGE_TYPES.script]: "string: JavaScript",
      [PAGE_TYPES.style]: "string: CSS",
      [PAGE_TYPES.icon]: "string: SVG",
    },
    responses: { ...NOT_MODIFIED, 404: "Error: Unknown file" },
    handle: handlePageFile,
  },
  {
    path: "/containers",
    rest: "container",
    summary: "Redirects to the view of a container",
    isPublic: true,
    responses: VIEW,
    handle: handleContainerPage,
  },
  {
    path: "/docker",
    rest: "container",
    summary: "Redirects to the view of a Docker container",
    isPublic: true,
    responses: VIEW,
    handle: handleDockerPage,
  },
];
