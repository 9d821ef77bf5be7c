import { accepts } from "@std/http/negotiation";
import type { ExpositionFormat, ScrapeRequest } from "../model/scrape.ts";
import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import { bytesResponse, jsonResponse } from "./json_response.ts";
import {
  type Parameter,
  parseRequestOptions,
  readParameter,
} from "./parameters.ts";
import { nodeSummaryJson } from "./summary_json.ts";
import { BOOLEAN } from "./values.ts";

/** Content types of expositions. */
export const EXPOSITION_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Selects metric families. */
export const NAMES: Parameter<string> = {
  name: "name[]",
  id: "names",
  description: "Names of metric families to return; default all",
  isRepeated: true,
  schema: { "type": "string" },
  parse: (text) => text,
};

/** All metrics. */
export async function handleMetrics(
  { request, query }: RequestContext,
  { metrics }: ApiDependencies,
): Promise<Response> {
  const { type, maxAgeMs } = parseRequestOptions(query);
  const exposition = parseExposition(request, query);
  const chunks = await metrics.scrape({
    ...exposition,
    containers: {
      ...(type !== undefined && { type }),
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    },
  });
  const contentType = EXPOSITION_TYPES[exposition.format];
  return bytesResponse(request, chunks, { contentType });
}

/** The kubelet's resource metrics. */
export async function handleResourceMetrics(
  { request, query }: RequestContext,
  { metrics }: ApiDependencies,
): Promise<Response> {
  const exposition = parseExposition(request, query);
  const contentType = EXPOSITION_TYPES[exposition.format];
  const chunks = await metrics.resource(exposition);
  return bytesResponse(request, chunks, { contentType });
}

function parseExposition(
  request: Request,
  query: URLSearchParams,
): Pick<ScrapeRequest, "format" | "names"> {
  const { prometheus, openmetrics } = EXPOSITION_TYPES;
  const isOpen = accepts(request, prometheus, openmetrics) === openmetrics;
  return {
    format: isOpen ? "openmetrics" : "prometheus",
    names: new Set(query.getAll(NAMES.name)),
  };
}

/** Milliseconds, as in the kubelet's summary. */
const SUMMARY_AGE_MS = 10_000;

/** Reduces the summary. */
export const ONLY_CPU_AND_MEMORY: Parameter<boolean> = {
  ...BOOLEAN,
  name: "only_cpu_and_memory",
  description: "Whether to return CPU and memory only; default false",
};

/** The kubelet's node summary. */
export async function handleNodeSummary(
  { request, query }: RequestContext,
  { manager }: ApiDependencies,
): Promise<Response> {
  const onlyCpuAndMemory = readParameter(query, ONLY_CPU_AND_MEMORY) ?? false;
  const summary = await manager.nodeSummary({
    maxAgeMs: SUMMARY_AGE_MS,
    onlyCpuAndMemory,
  });
  return jsonResponse(request, nodeSummaryJson(summary, { onlyCpuAndMemory }));
}
