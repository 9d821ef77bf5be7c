import type {
  ContainerInfoRequest,
  RequestOptions,
} from "../model/container.ts";
import { BadRequestError, messageOf } from "../model/errors.ts";
import {
  assertSpan,
  notA,
  parseCount,
  parseSignedDuration,
  parseTime,
  readParameter,
  readValue,
} from "./values.ts";

/**
 * Reads `type`, `count`, `recursive` and `max_age` of a v2 request. Of a
 * parameter that is repeated the first counts; an unknown one is passed over.
 *
 * @throws {BadRequestError} naming the parameter, its value and the wanted form
 */
export function parseRequestOptions(query: URLSearchParams): RequestOptions {
  const type = readParameter(query, "type", parseType);
  const count = readParameter(query, "count", parseCount);
  const recursive = readParameter(query, "recursive", parseRecursive);
  const maxAgeMs = readParameter(query, "max_age", parseSignedDuration);
  return {
    ...(type === undefined ? {} : { type }),
    ...(count === undefined ? {} : { count }),
    ...(recursive === undefined ? {} : { recursive }),
    // Every sample is older than a negative age, as it is older than none.
    ...(maxAgeMs === undefined ? {} : { maxAgeMs: Math.max(0, maxAgeMs) }),
  };
}

/**
 * Reads the optional JSON body of a v1 request:
 * `{"num_stats":…,"start":…,"end":…}`.
 *
 * @throws {BadRequestError} if the body is not JSON, or a field has not its form
 */
export function parseContainerInfoRequest(body: string): ContainerInfoRequest {
  const fields = parseObject(body);
  const numStats = readField(fields, "num_stats", (value) => {
    if (typeof value !== "number") throw notA("a whole number from -1");
    return parseCount(`${value}`);
  });
  const startMs = readField(fields, "start", parseTimeField);
  const endMs = readField(fields, "end", parseTimeField);
  assertSpan(["start", startMs], ["end", endMs]);
  return {
    ...(numStats === undefined ? {} : { numStats }),
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
  };
}

function parseType(text: string): "name" | "docker" | "podman" {
  if (text === "name" || text === "docker" || text === "podman") return text;
  throw notA("name, docker or podman");
}

/** cAdvisor takes every other spelling as false, which hides the mistake. */
function parseRecursive(text: string): boolean {
  if (text !== "true" && text !== "false") throw notA("true or false");
  return text === "true";
}

function parseTimeField(value: unknown): number | undefined {
  return parseTime(typeof value === "string" ? value : "");
}

function readField<T>(
  fields: Readonly<Record<string, unknown>>,
  key: string,
  parse: (value: unknown) => T,
): T | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  return readValue(`field "${key}"`, value, parse);
}

function parseObject(body: string): Readonly<Record<string, unknown>> {
  if (body.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new BadRequestError(
      `Cannot read the body as JSON: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new BadRequestError(
      'Cannot use the body as it is not an object such as {"num_stats":1}',
    );
  }
  return { ...value };
}
