/**
 * A notation for JSON fields, from which TypeScript types and JSON Schemas are
 * derived: `"TYPE: description"`, where TYPE is `string`, `time`, `boolean`,
 * `integer`, `uint64`, `number`, `object`, `null`, a literal `'ok'`, the name of
 * a schema, an array `[TYPE]`, a map `{TYPE}`, or a union `TYPE | TYPE`. Keys of
 * optional fields end in `?`.
 *
 * @module
 */
import type { JsonObject } from "./json_values.ts";
import type { CONTAINER_SCHEMAS } from "./schemas/container.ts";
import type { EVENT_SCHEMAS } from "./schemas/event.ts";
import type { EXPLAIN_SCHEMAS } from "./schemas/explain.ts";
import type { MACHINE_SCHEMAS } from "./schemas/machine.ts";
import type { SUMMARY_SCHEMAS } from "./schemas/summary.ts";
import type { USAGE_SCHEMAS } from "./schemas/usage.ts";

/** Fields of one object. */
export type Fields = Readonly<Record<string, string>>;

/** Schemas of all objects, by name. */
export type Schemas =
  & typeof CONTAINER_SCHEMAS
  & typeof EVENT_SCHEMAS
  & typeof EXPLAIN_SCHEMAS
  & typeof MACHINE_SCHEMAS
  & typeof SUMMARY_SCHEMAS
  & typeof USAGE_SCHEMAS;

/**
 * A JSON object before serialization, by its schema's name. Optional fields are
 * `undefined` rather than absent, so that no builder can forget one.
 */
export type Wire<N extends keyof Schemas> = {
  readonly [K in keyof Schemas[N] as NameOf<K>]:
    | FieldType<Schemas[N][K]>
    | (K extends OptionalKey ? undefined : never);
};

type OptionalKey = `${string}?`;
type NameOf<K> = K extends `${infer Name}?` ? Name : K;

type FieldType<F> = F extends `${infer T}: ${string}` ? TypeOf<T> : never;

type TypeOf<T extends string> = T extends keyof Primitives ? Primitives[T]
  : T extends `[${infer E}]` ? readonly TypeOf<E>[]
  : T extends `{${infer E}}` ? { readonly [key: string]: TypeOf<E> }
  : T extends `${infer A} | ${infer B}` ? TypeOf<A> | TypeOf<B>
  : T extends `'${infer L}'` ? L
  : T extends keyof Schemas ? Wire<T>
  : never;

interface Primitives {
  readonly "string": string;
  readonly "time": string;
  readonly "boolean": boolean;
  readonly "integer": number;
  readonly "uint64": number;
  readonly "number": number;
  readonly "object": JsonObject;
  readonly "null": null;
}

const PRIMITIVES: Readonly<Record<keyof Primitives, JsonObject>> = {
  "string": { "type": "string" },
  "time": { "type": "string", "format": "date-time" },
  "boolean": { "type": "boolean" },
  "integer": { "type": "integer", "format": "int64" },
  "uint64": { "type": "integer", "format": "uint64", "minimum": 0 },
  "number": { "type": "number" },
  "object": { "type": "object" },
  "null": { "type": "null" },
};

/** Returns a field's JSON Schema. */
export function fieldSchema(field: string): JsonObject {
  const [type, description] = splitField(field);
  return { ...typeSchema(type), description };
}

/** Returns an object's JSON Schema. */
export function objectSchema(fields: Fields): JsonObject {
  const entries = Object.entries(fields);
  const required = entries.map(([key]) => key)
    .filter((key) => !key.endsWith("?"));
  return {
    "type": "object",
    "properties": Object.fromEntries(
      entries.map(([key, field]) => [key.replace("?", ""), fieldSchema(field)]),
    ),
    ...(required.length > 0 && { required }),
  };
}

/** Splits `"TYPE: description"`. */
export function splitField(field: string): [string, string] {
  const end = field.indexOf(": ");
  return [field.slice(0, end), field.slice(end + 2)];
}

function typeSchema(type: string): JsonObject {
  if (type in PRIMITIVES) return PRIMITIVES[type as keyof Primitives];
  const inner = type.slice(1, -1);
  // Not `[A] | [B]`.
  if (/^\[(?:[^[\]]+|\[[^[\]]+\])\]$/.test(type)) {
    return { "type": "array", "items": typeSchema(inner) };
  }
  if (/^\{.+\}$/.test(type)) {
    return { "type": "object", "additionalProperties": typeSchema(inner) };
  }
  const parts = type.split(" | ");
  if (parts.every((part) => part.startsWith("'"))) {
    return { "type": "string", "enum": parts.map((part) => part.slice(1, -1)) };
  }
  return parts.length > 1
    ? { "anyOf": parts.map(typeSchema) }
    : { "$ref": `#/components/schemas/${type}` };
}
