import {
  type Endpoint,
  ENDPOINTS,
  READ_METHODS,
  type Version,
  VERSIONS,
} from "./endpoint_table.ts";
import { bytesResponse, conditionalResponse } from "./json_response.ts";
import type { JsonObject } from "./json_values.ts";
import type { Parameter } from "./parameters.ts";
import {
  type Fields,
  fieldSchema,
  objectSchema,
  splitField,
} from "./schema.ts";
import { CONTAINER_SCHEMAS } from "./schemas/container.ts";
import { EVENT_SCHEMAS } from "./schemas/event.ts";
import { EXPLAIN_SCHEMAS } from "./schemas/explain.ts";
import { MACHINE_SCHEMAS } from "./schemas/machine.ts";
import { SUMMARY_SCHEMAS } from "./schemas/summary.ts";
import { USAGE_SCHEMAS } from "./schemas/usage.ts";

const DESCRIPTION = `\
Containers, OOM kills and resource usage of one Linux node: cAdvisor's API v1.0 to v2.1, the \
kubelet's Summary API and Prometheus metrics. HEAD is accepted where GET is. Unknown query \
parameters are ignored, and the first value of a repeated one is used. A field is absent if its \
value is unknown. Counters are cumulative. JSON is compressed with gzip on request. An \
unsupported method returns 405 with the header \`Allow\`. Paths are relative to --url-base-prefix, \
and --prometheus-endpoint renames \`/metrics\`.`;

/** All endpoints' errors by status, as fields of `schema.ts`. */
const ERRORS: Readonly<Record<number, string>> = {
  400: "Error: A parameter, the body, the path or the `Host` header is invalid",
  401: "Error: The bearer token is missing or wrong",
  403: "Error: The `Host` header is not allowed",
  413: "Error: The body is longer than 64 KiB",
  414: "Error: The URL is longer than 8 KiB",
  500: "Error: Internal error",
  503: "Error: The agent is stopping",
};

/** Tag of endpoints without a version. */
const AGENT = "agent";

const SCHEMAS: Readonly<Record<string, Fields>> = {
  ...CONTAINER_SCHEMAS,
  ...EVENT_SCHEMAS,
  ...EXPLAIN_SCHEMAS,
  ...MACHINE_SCHEMAS,
  ...SUMMARY_SCHEMAS,
  ...USAGE_SCHEMAS,
};

/** Excludes `.` and `..`, which URL parsers resolve. */
const SEGMENT: JsonObject = {
  "type": "string",
  "pattern": "^(?!\\.{1,2}$)[^\\u0000]+$",
};

const CONTAINER: JsonObject = {
  "name": "container",
  "in": "path",
  "required": true,
  "description":
    "Cgroup path, or with `type=docker` and for `docker` a name or ID. Percent-encoded as one segment (`%2F` for `/`), or as several",
  "schema": SEGMENT,
  "example": "system.slice",
};

const FILE: JsonObject = {
  "name": "file",
  "in": "path",
  "required": true,
  "description": "File name",
  "schema": SEGMENT,
  "example": "main.js",
};

/** Builds the API's OpenAPI 3.1 document. @param version of the agent */
export function openApiDocument(version: string): JsonObject {
  const parameters = new Set(
    ENDPOINTS.flatMap(({ parameters = [] }) => parameters),
  );
  return {
    "openapi": "3.1.1",
    "info": {
      "title": "cgwatch",
      version,
      "description": DESCRIPTION,
      "license": { "name": "MIT", "identifier": "MIT" },
    },
    // Relative to the document.
    "servers": [{ "url": "." }],
    "security": [{}, { "token": [] }],
    "tags": [
      {
        "name": AGENT,
        "description":
          "State of the agent, metrics, the kubelet's endpoints and the web page",
      },
      ...VERSIONS.map((name) => ({
        name,
        "description": `cAdvisor's API ${name}`,
      })),
    ],
    "paths": Object.fromEntries(ENDPOINTS.flatMap(pathsOf)),
    "components": {
      "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
      "parameters": {
        "container": CONTAINER,
        "file": FILE,
        ...Object.fromEntries(
          [...parameters].map((parameter) => [
            parameter.id ?? parameter.name,
            parameterObject(parameter),
          ]),
        ),
      },
      "responses": Object.fromEntries(
        Object.entries(ERRORS)
          .map(([status, field]) => [status, errorObject(field)]),
      ),
      "schemas": Object.fromEntries(
        Object.entries(SCHEMAS)
          .map(([name, fields]) => [name, objectSchema(fields)]),
      ),
    },
  };
}

interface Rendered {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

let rendered: Rendered | undefined;

/** Responds with the document, or with 304. */
export async function openApiResponse(
  request: Request,
  version: string,
): Promise<Response> {
  rendered ??= await render(version);
  const { bytes, etag } = rendered;
  return conditionalResponse(
    request,
    etag,
    () => bytesResponse(request, [bytes]),
  );
}

async function render(version: string): Promise<Rendered> {
  const text = JSON.stringify(openApiDocument(version));
  const bytes = new TextEncoder().encode(text);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  const etag = `W/"${btoa(String.fromCharCode(...new Uint8Array(hash)))}"`;
  return { bytes, etag };
}

function pathsOf(endpoint: Endpoint): [string, JsonObject][] {
  const { path, versions = [undefined], rest = "ignored" } = endpoint;
  return versions.flatMap((version) => {
    const base = version === undefined ? path : `/api/${version}/${path}`;
    const item = pathItem(endpoint, base, version);
    if (rest === "ignored") return [[base, item]];
    const named = `${base}/{${rest}}`;
    const namedItem = {
      "parameters": [{ "$ref": `#/components/parameters/${rest}` }],
      ...pathItem(endpoint, named, version),
    };
    return rest === "file"
      ? [[named, namedItem]]
      : [[base, item], [named, namedItem]];
  });
}

function pathItem(
  endpoint: Endpoint,
  path: string,
  version?: Version,
): JsonObject {
  const methods: readonly string[] = endpoint.methods ?? READ_METHODS;
  return Object.fromEntries(
    methods.filter((method) => method !== "HEAD").map((method) => [
      method.toLowerCase(),
      {
        "operationId": `${method}${path.replace(/^\/api/, "")}`.toLowerCase()
          .replaceAll(/\W+/g, "_").replace(/_$/, ""),
        "tags": [version ?? AGENT],
        "summary": endpoint.summary,
        ...operation(endpoint, method),
      },
    ]),
  );
}

function operation(endpoint: Endpoint, method: string): JsonObject {
  const { parameters = [], body, content, responses = {}, isPublic = false } =
    endpoint;
  const hasBody = method === "POST" && body !== undefined;
  const references = parameters.map((parameter) => ({
    "$ref": `#/components/parameters/${parameter.id ?? parameter.name}`,
  }));
  const common = Object.keys(ERRORS).filter((status) =>
    (status !== "401" || !isPublic) && (status !== "413" || hasBody)
  );
  const all = {
    ...(content !== undefined && { "200": contentObject(content) }),
    ...Object.fromEntries(
      common.map((status) => [
        status,
        { "$ref": `#/components/responses/${status}` },
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(responses)
        .map(([status, field]) => [status, errorObject(field)]),
    ),
  };
  return {
    ...(isPublic && { "security": [] }),
    ...(references.length > 0 && { "parameters": references }),
    ...(hasBody && {
      "requestBody": {
        "content": { "application/json": { "schema": fieldSchema(body) } },
      },
    }),
    "responses": all,
  };
}

function parameterObject(parameter: Parameter): JsonObject {
  const { name, description, schema, isRepeated = false } = parameter;
  return {
    name,
    "in": "query",
    description,
    "schema": isRepeated ? { "type": "array", "items": schema } : schema,
  };
}

function errorObject(field: string): JsonObject {
  return contentObject({ "application/json": field });
}

function contentObject(content: Readonly<Record<string, string>>): JsonObject {
  const fields = Object.entries(content);
  const typed = fields.filter(([, field]) => splitField(field)[0] !== "");
  return {
    "description": fields.map(([, field]) => splitField(field)[1]).join(". "),
    ...(typed.length > 0 && {
      "content": Object.fromEntries(
        typed.map((
          [type, field],
        ) => [type, { "schema": bodySchema(type, field) }]),
      ),
    }),
  };
}

/**
 * Returns a response body's schema. A stream of events is a string whose
 * content has one event's schema.
 */
function bodySchema(contentType: string, field: string): JsonObject {
  const schema = fieldSchema(field);
  if (contentType === "application/json" || schema["type"] === "string") {
    return schema;
  }
  const { description, ...contentSchema } = schema;
  return {
    "type": "string",
    description,
    "contentMediaType": "application/json",
    contentSchema,
  };
}
