import { accepts } from "@std/http/negotiation";
import type { ExpositionFormat, ScrapeRequest } from "../model/scrape.ts";
import type { ApiDependencies, Call } from "./answers.ts";
import { bytesResponse, jsonResponse } from "./json_response.ts";
import { parseRequestOptions } from "./parameters.ts";
import { nodeSummaryJson } from "./summary_json.ts";
import { parseBoolean, readParameter } from "./values.ts";

const EXPOSITION_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** All numbers, for Prometheus; `name[]` selects families. */
export async function answerMetrics(
  { request, query }: Call,
  { metrics }: ApiDependencies,
): Promise<Response> {
  const { type, maxAgeMs } = parseRequestOptions(query);
  const shape = shapeOf(request, query);
  const pieces = await metrics.scrape({
    ...shape,
    containers: {
      ...(type !== undefined && { type }),
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    },
  });
  const contentType = EXPOSITION_TYPES[shape.format];
  return bytesResponse(request, pieces, { contentType });
}

/** The kubelet's resource metrics. */
export async function answerResource(
  { request, query }: Call,
  { metrics }: ApiDependencies,
): Promise<Response> {
  const shape = shapeOf(request, query);
  const contentType = EXPOSITION_TYPES[shape.format];
  const pieces = await metrics.resource(shape);
  return bytesResponse(request, pieces, { contentType });
}

function shapeOf(
  request: Request,
  query: URLSearchParams,
): Pick<ScrapeRequest, "format" | "names"> {
  const { prometheus, openmetrics } = EXPOSITION_TYPES;
  const isOpen = accepts(request, prometheus, openmetrics) === openmetrics;
  return {
    format: isOpen ? "openmetrics" : "prometheus",
    names: new Set(query.getAll("name[]")),
  };
}

/** How old the kubelet lets the samples of its summary be. */
const SUMMARY_AGE_MS = 10_000;

/** The node as the kubelet tells it. */
export async function answerNodeSummary(
  { request, query }: Call,
  { questions }: ApiDependencies,
): Promise<Response> {
  const onlyCpuAndMemory =
    readParameter(query, "only_cpu_and_memory", parseBoolean) ?? false;
  const summary = await questions.nodeSummary({
    maxAgeMs: SUMMARY_AGE_MS,
    onlyCpuAndMemory,
  });
  return jsonResponse(request, nodeSummaryJson(summary, { onlyCpuAndMemory }));
}
