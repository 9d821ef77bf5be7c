import type {
  ContainerInfoRequest,
  RequestOptions,
} from "../model/container.ts";
import { BadRequestError, messageOf } from "../model/errors.ts";
import {
  assertSpan,
  COUNT,
  DURATION,
  readValue,
  throwInvalidValue,
  TIME,
  type ValueType,
} from "./values.ts";

/** An endpoint's query parameter. */
export interface Parameter<T = unknown> extends ValueType<T> {
  readonly name: string;
  readonly description: string;
  /** Key among the API description's components. @default `name` */
  readonly id?: string;
  /** Whether it may be repeated; `parse` takes one value. @default false */
  readonly isRepeated?: boolean;
}

/** Container types of cAdvisor's v2. */
const TYPES = ["name", "docker", "podman"] as const;

const TYPE: Parameter<typeof TYPES[number]> = {
  name: "type",
  description:
    "Meaning of the path: `name` for a cgroup path (default), `docker` or `podman` for a name or ID of that runtime; its containers are listed by `recursive=true` without a path",
  schema: { "type": "string", "enum": TYPES },
  parse: (text) =>
    TYPES.find((type) => type === text) ??
      throwInvalidValue(TYPES.join(", ")),
};

const RECURSIVE: Parameter<boolean> = {
  name: "recursive",
  description: "Whether to include the subtree; default false",
  schema: { "type": "boolean" },
  // cAdvisor treats other spellings as false, which conceals mistakes.
  parse(text) {
    if (text !== "true" && text !== "false") throwInvalidValue("true or false");
    return text === "true";
  },
};

const SAMPLE_COUNT: Parameter<number> = {
  ...COUNT,
  name: "count",
  description: "Newest samples returned, -1 for all; default 64",
};

const MAX_AGE: Parameter<number> = {
  ...DURATION,
  name: "max_age",
  description:
    "Take a new sample if the newest one is older, a duration such as `500ms`",
};

/** Parameters of {@linkcode parseRequestOptions}. */
export const REQUEST_PARAMETERS: readonly Parameter[] = [
  TYPE,
  SAMPLE_COUNT,
  RECURSIVE,
  MAX_AGE,
];

/** {@linkcode REQUEST_PARAMETERS} of an endpoint for the root only. */
export const ROOT_PARAMETERS: readonly Parameter[] = [
  {
    ...TYPE,
    id: "root_type",
    description: "`name` is the only value",
    schema: { "type": "string", "enum": ["name"] },
  },
  ...REQUEST_PARAMETERS.slice(1),
];

/**
 * Returns a query parameter's first value, if any.
 *
 * @throws {BadRequestError} naming the parameter, its value and the expected
 *   format
 */
export function readParameter<T>(
  query: URLSearchParams,
  { name, parse }: Parameter<T>,
): T | undefined {
  const text = query.get(name);
  return text === null
    ? undefined
    : readValue(`parameter "${name}"`, text, parse);
}

/**
 * Reads v2's {@linkcode REQUEST_PARAMETERS}.
 *
 * @throws {BadRequestError} as {@linkcode readParameter}
 */
export function parseRequestOptions(query: URLSearchParams): RequestOptions {
  const type = readParameter(query, TYPE);
  const count = readParameter(query, SAMPLE_COUNT);
  const recursive = readParameter(query, RECURSIVE);
  const maxAgeMs = readParameter(query, MAX_AGE);
  return {
    ...(type === undefined ? {} : { type }),
    ...(count === undefined ? {} : { count }),
    ...(recursive === undefined ? {} : { recursive }),
    // Negative ages and 0 require a new sample.
    ...(maxAgeMs === undefined ? {} : { maxAgeMs: Math.max(0, maxAgeMs) }),
  };
}

/**
 * Parses the optional JSON body of a v1 request.
 *
 * @throws {BadRequestError} for a body other than a JSON object, or an invalid
 *   field
 */
export function parseContainerInfoRequest(body: string): ContainerInfoRequest {
  const fields = parseObject(body);
  const numStats = readField(fields, "num_stats", (value) => {
    if (typeof value !== "number") throwInvalidValue("an integer from -1");
    return COUNT.parse(`${value}`);
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

function parseTimeField(value: unknown): number | undefined {
  return TIME.parse(typeof value === "string" ? value : "");
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
  // Only JSON's whitespace; `trim()` removes more.
  if (/^[ \t\r\n]*$/.test(body)) return {};
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new BadRequestError(
      `Cannot parse the body as JSON: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new BadRequestError(
      'Cannot use the body: expected an object such as {"num_stats":1}',
    );
  }
  return { ...value };
}
