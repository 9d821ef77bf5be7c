import type { PageFile } from "../model/page_file.ts";
import { STATUS_CODE } from "@std/http/status";
import type { EventManager } from "../events/event_manager.ts";
import type { Manager } from "../manager/manager.ts";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import { systemClock } from "../model/clock.ts";
import type {
  ContainerInfoV2,
  ContainerReference,
} from "../model/container.ts";
import { BadRequestError, messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { ScrapeRequest } from "../model/scrape.ts";
import type { DescribedUsage } from "../model/usage.ts";
import type { EventStreams } from "./event_stream.ts";
import { parseEventsQuery } from "./events_query.ts";
import {
  HttpError,
  jsonArrayResponse,
  jsonObjectResponse,
  jsonResponse,
} from "./json_response.ts";
import {
  parseContainerInfoRequest,
  parseRequestOptions,
} from "./parameters.ts";
import { processJson } from "./process_json.ts";
import { readBody } from "./request_body.ts";
import type { Wire } from "./schema.ts";
import { derivedStatsJson } from "./usage_json.ts";
import { containerInfoJson } from "./v1_json.ts";
import {
  containerInfoV2Json,
  containerSpecV2Json,
  deprecatedContainerStatsJson,
  machineStatsJson,
} from "./v2_json.ts";

/** Access to `ps`; `full` includes command lines. */
export type AllowPs = "off" | "on" | "full";

/** Methods of the manager that the API calls. */
export type ManagerQueries = Pick<
  Manager,
  | "containerInfo"
  | "containerInfoV2"
  | "containerSpec"
  | "derivedStats"
  | "fsInfo"
  | "fsInfoByUuid"
  | "machineInfo"
  | "managedContainers"
  | "namespaceInfo"
  | "nodeSummary"
  | "oomKills"
  | "processList"
  | "ready"
  | "sources"
  | "subcontainersInfo"
  | "versionInfo"
>;

/** Renders expositions in chunks. */
export interface MetricsRenderer {
  /** `/metrics`. */
  scrape(request: ScrapeRequest): Promise<Iterable<Uint8Array<ArrayBuffer>>>;
  /** `/metrics/resource`. */
  resource(
    request: Pick<ScrapeRequest, "format" | "names">,
  ): Promise<Iterable<Uint8Array<ArrayBuffer>>>;
}

/** Dependencies of the API. */
export interface ApiDependencies {
  readonly manager: ManagerQueries;
  readonly events: Pick<EventManager, "getEvents">;
  readonly streams: EventStreams;
  readonly allowPs: AllowPs;
  readonly metrics: MetricsRenderer;
  /** Returns a web page file by its path below `/web`; `/` is the page. */
  readonly page: (path: string) => Promise<PageFile | undefined>;
  readonly logger: Logger;
}

/** A request with a matched path. */
export interface RequestContext {
  readonly request: Request;
  /** Declared parameters; others are removed. */
  readonly query: URLSearchParams;
  /** Container in the path, otherwise `/`. */
  readonly name: CgroupName;
}

/** Returns 200 if the agent is ready, otherwise 503. */
export function handleReadyz(
  { request }: RequestContext,
  { manager }: ApiDependencies,
): Response {
  const { ready } = manager;
  const sources = manager.sources()
    .map(({ name, state, detail }) => ({ name, state, detail }));
  const json: Wire<"Readiness"> = { ready, sources };
  const status = ready ? STATUS_CODE.OK : STATUS_CODE.ServiceUnavailable;
  return jsonResponse(request, json, status);
}

/** The agent's version. */
export function handleVersion(
  { request }: RequestContext,
  { manager }: ApiDependencies,
): Response {
  return jsonResponse(request, manager.versionInfo().version);
}

/** A container in v1 format. */
export async function handleContainer(
  { request, name }: RequestContext,
  { manager }: ApiDependencies,
): Promise<Response> {
  const selection = parseContainerInfoRequest(await readBody(request));
  const info = manager.containerInfo(name, selection);
  return jsonResponse(request, containerInfoJson(info));
}

/** A container and its descendants in v1 format. */
export async function handleSubcontainers(
  { request, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const selection = parseContainerInfoRequest(await readBody(request));
  const infos = manager.subcontainersInfo(name, selection);
  const elements = Iterator.from(infos)
    .flatMap((info) => jsonUnlessFailed(info, containerInfoJson, logger));
  return jsonArrayResponse(request, elements);
}

/** Docker containers by cgroup name in v1 format: all, or the one in the path. */
export async function handleDocker(
  { request, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const selection = parseContainerInfoRequest(await readBody(request));
  const infos = manager.namespaceInfo("docker", name, selection);
  const members = Iterator.from(infos)
    .map((info) => [info.reference.name, info] as const);
  return membersResponse(request, members, containerInfoJson, logger);
}

/** Selected containers by name in v2 format. */
export async function handleStats(
  { request, query, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const infos = await manager.containerInfoV2(
    name,
    parseRequestOptions(query),
  );
  // As in cAdvisor, the root is only in `machinestats`.
  const others = Iterator.from(infos).filter(([name]) => name !== ROOT);
  return membersResponse(request, others, containerInfoV2Json, logger);
}

/** Samples by name in v2.0 format, including the root. */
export async function handleDeprecatedStats(
  { request, query, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const infos = await manager.containerInfoV2(
    name,
    parseRequestOptions(query),
  );
  const toJson = ({ stats }: ContainerInfoV2) =>
    stats.map(deprecatedContainerStatsJson);
  return membersResponse(request, infos, toJson, logger);
}

/** Samples of the root in v2 format: the sections of a machine. */
export async function handleMachineStats(
  { request, query }: RequestContext,
  { manager }: ApiDependencies,
): Promise<Response> {
  const { type = "name", ...options } = parseRequestOptions(query);
  if (type !== "name") {
    throw new BadRequestError(
      `Cannot use parameter "type": "${type}" selects containers, expected name`,
    );
  }
  const infos = await manager.containerInfoV2(ROOT, {
    ...options,
    recursive: false,
  });
  const stats = infos.get(ROOT)?.stats ?? [];
  return jsonArrayResponse(
    request,
    Iterator.from(stats).map((sample) =>
      JSON.stringify(machineStatsJson(sample))
    ),
  );
}

/** Limits and identities by name. */
export function handleSpec(
  { request, query, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Response {
  const specs = manager.containerSpec(name, parseRequestOptions(query));
  return membersResponse(request, specs, containerSpecV2Json, logger);
}

/** Recent usage by name. */
export async function handleSummary(
  { request, query, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const usages = await manager.derivedStats(name, parseRequestOptions(query));
  const toJson = ({ usage }: DescribedUsage) => derivedStatsJson(usage);
  return membersResponse(request, usages, toJson, logger);
}

/** A container's processes. */
export async function handlePs(
  { request, query, name }: RequestContext,
  { manager, allowPs }: ApiDependencies,
): Promise<Response> {
  const options = parseRequestOptions(query);
  if (allowPs === "off") {
    throw new HttpError(
      STATUS_CODE.Forbidden,
      "Cannot list processes: the agent was started without --allow-ps",
    );
  }
  const nowMs = systemClock.now();
  const processes = await manager.processList(name, {
    ...options,
    commandLines: allowPs === "full",
  });
  return jsonArrayResponse(
    request,
    Iterator.from(processes)
      .map((process) => JSON.stringify(processJson(process, nowMs))),
  );
}

/** Events as an array, or as a stream. */
export function handleEvents(
  { request, query, name }: RequestContext,
  { events, streams }: ApiDependencies,
): Response {
  const eventsQuery = parseEventsQuery(request, query, name);
  const { format } = eventsQuery;
  if (format === "array") {
    const found = events.getEvents(eventsQuery.request);
    return jsonArrayResponse(
      request,
      Iterator.from(found).map(({ json }) => json),
    );
  }
  return request.method === "HEAD"
    ? streams.respondHead({ ...eventsQuery, format })
    : streams.respond({ ...eventsQuery, format });
}

type Referenced = { readonly reference: ContainerReference };
type ToJson<T> = (info: T) => object;

/** Responds with an object of containers' JSON by name. */
function membersResponse<T extends Referenced>(
  request: Request,
  infos: Iterable<readonly [string, T]>,
  toJson: ToJson<T>,
  logger: Logger,
): Response {
  const members = Iterator.from(infos).flatMap(([name, info]) =>
    jsonUnlessFailed(info, toJson, logger).map((json) => [name, json] as const)
  );
  return jsonObjectResponse(request, members);
}

/**
 * Returns the JSON, or nothing on an error: a container removed just now must
 * not fail the response for the others.
 */
function jsonUnlessFailed<T extends Referenced>(
  info: T,
  toJson: ToJson<T>,
  logger: Logger,
): string[] {
  try {
    return [JSON.stringify(toJson(info))];
  } catch (error) {
    logger.debug("Cannot serialize a container, leaving it out", {
      container: info.reference.name,
      error: messageOf(error),
    });
    return [];
  }
}
