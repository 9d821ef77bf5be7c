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
import { derivedStatsJson } from "./usage_json.ts";
import type { JsonObject } from "./json_values.ts";
import { containerInfoJson } from "./v1_json.ts";
import {
  containerInfoV2Json,
  containerSpecV2Json,
  deprecatedContainerStatsJson,
  machineStatsJson,
} from "./v2_json.ts";

/** Who may see processes: nobody, whoever may ask, or all with command lines. */
export type AllowPs = "off" | "on" | "full";

/** The part of the manager that the API is answered from. */
export type Questions = Pick<
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

/** Renders the expositions for Prometheus, in pieces. */
export interface MetricsTexts {
  /** `/metrics`. */
  scrape(request: ScrapeRequest): Promise<Iterable<Uint8Array<ArrayBuffer>>>;
  /** `/metrics/resource`. */
  resource(
    request: Pick<ScrapeRequest, "format" | "names">,
  ): Promise<Iterable<Uint8Array<ArrayBuffer>>>;
}

/** A file of the page for people. */
export interface PageFile {
  readonly contentType: string;
  readonly text: string;
  /** The same for the same text: `"0f3a…"`. */
  readonly etag: string;
}

/** What the API answers from. */
export interface ApiDependencies {
  readonly questions: Questions;
  /** Has the kept events. */
  readonly events: Pick<EventManager, "getEvents">;
  /** Makes the streams of events to come. */
  readonly streams: EventStreams;
  /** Whether processes are told of, and with their command lines. */
  readonly allowPs: AllowPs;
  /** The page for people, which has a file at this path or has none. */
  readonly page: (path: string) => Promise<PageFile | undefined>;
  /** Makes the texts for Prometheus. */
  readonly metrics: MetricsTexts;
  /** Told of faults of the agent's own. */
  readonly logger: Logger;
}

/** One request, of which the path has been understood. */
export interface Call {
  /** As it came. */
  readonly request: Request;
  /** What follows the path. */
  readonly query: URLSearchParams;
  /** The container that the path names. */
  readonly name: CgroupName;
}

/** How the agent fares: 200 once it is ready, 503 before. */
export function answerReady(
  { request }: Call,
  { questions }: ApiDependencies,
): Response {
  const { ready } = questions;
  const sources = questions.sources()
    .map(({ name, state, detail }) => ({ name, state, detail }));
  return jsonResponse(
    request,
    { ready, sources },
    ready ? STATUS_CODE.OK : STATUS_CODE.ServiceUnavailable,
  );
}

/** The version of the agent, as a JSON string. */
export function answerVersion(
  { request }: Call,
  { questions }: ApiDependencies,
): Response {
  return jsonResponse(request, questions.versionInfo().version);
}

/** One container, in the form of v1. */
export async function answerContainer(
  { request, name }: Call,
  { questions }: ApiDependencies,
): Promise<Response> {
  const wanted = parseContainerInfoRequest(await readBody(request));
  const info = questions.containerInfo(name, wanted);
  return jsonResponse(request, containerInfoJson(info));
}

/** A container and all below it, in the form of v1. */
export async function answerSubcontainers(
  { request, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const wanted = parseContainerInfoRequest(await readBody(request));
  const infos = questions.subcontainersInfo(name, wanted);
  const elements = Iterator.from(infos)
    .flatMap((info) => jsonUnlessFailed(info, containerInfoJson, logger));
  return jsonArrayResponse(request, elements);
}

/** Docker's containers by cgroup name, in the form of v1: all, or the one that the path names. */
export async function answerDocker(
  { request, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const wanted = parseContainerInfoRequest(await readBody(request));
  const infos = questions.namespaceInfo("docker", name, wanted);
  const members = Iterator.from(infos)
    .map((info) => [info.reference.name, info] as const);
  return membersResponse(request, members, containerInfoJson, logger);
}

/** The containers that the query selects, by name, in the form of v2. */
export async function answerStats(
  { request, query, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const infos = await questions.containerInfoV2(
    name,
    parseRequestOptions(query),
  );
  // As in cAdvisor, the root is in `machinestats`, and never here.
  const others = Iterator.from(infos).filter(([name]) => name !== ROOT);
  return membersResponse(request, others, containerInfoV2Json, logger);
}

/** The samples alone of the containers that the query selects, by name, in the form of v2.0; the root's too. */
export async function answerDeprecatedStats(
  { request, query, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const infos = await questions.containerInfoV2(
    name,
    parseRequestOptions(query),
  );
  const toJson = ({ stats }: ContainerInfoV2) =>
    stats.map(deprecatedContainerStatsJson);
  return membersResponse(request, infos, toJson, logger);
}

/** The machine's samples, which are the root's: the parts that it alone has, in the form of v2. */
export async function answerMachineStats(
  { request, query }: Call,
  { questions }: ApiDependencies,
): Promise<Response> {
  const { type = "name", ...options } = parseRequestOptions(query);
  if (type !== "name") {
    throw new BadRequestError(
      `Cannot use parameter "type": "${type}" names containers, and this is of the machine`,
    );
  }
  const infos = await questions.containerInfoV2(ROOT, {
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

/** Limits and identity of the containers that the query selects, by name. */
export function answerSpec(
  { request, query, name }: Call,
  { questions, logger }: ApiDependencies,
): Response {
  const specs = questions.containerSpec(name, parseRequestOptions(query));
  return membersResponse(request, specs, containerSpecV2Json, logger);
}

/** What the containers that the query selects used of late, by name. */
export async function answerSummary(
  { request, query, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const usages = await questions.derivedStats(name, parseRequestOptions(query));
  const toJson = ({ usage }: DescribedUsage) => derivedStatsJson(usage);
  return membersResponse(request, usages, toJson, logger);
}

/** The processes of a container. */
export async function answerPs(
  { request, query, name }: Call,
  { questions, allowPs }: ApiDependencies,
): Promise<Response> {
  const options = parseRequestOptions(query);
  if (allowPs === "off") {
    throw new HttpError(
      STATUS_CODE.Forbidden,
      "Cannot list processes: the agent was started without --allow-ps",
    );
  }
  const nowMs = systemClock.now();
  const processes = await questions.processList(name, {
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
export function answerEvents(
  { request, name }: Call,
  { events, streams }: ApiDependencies,
): Response {
  const query = parseEventsQuery(request, name);
  const { form } = query;
  if (form === "array") {
    const found = events.getEvents(query.request);
    return jsonArrayResponse(
      request,
      Iterator.from(found).map(({ json }) => json),
    );
  }
  return request.method === "HEAD"
    ? streams.respondHead({ ...query, form })
    : streams.respond({ ...query, form });
}

type Referenced = { readonly reference: ContainerReference };
type ToJson<T> = (info: T) => JsonObject | readonly JsonObject[];

/** Answers with an object that has the JSON of each container by its name. */
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
 * The JSON of one container of several, or nothing where it fails: one that
 * has just gone must not cost the others their answer.
 */
function jsonUnlessFailed<T extends Referenced>(
  info: T,
  toJson: ToJson<T>,
  logger: Logger,
): string[] {
  try {
    return [JSON.stringify(toJson(info))];
  } catch (error) {
    logger.debug("Cannot tell of a container, leaving it out", {
      container: info.reference.name,
      error: messageOf(error),
    });
    return [];
  }
}
