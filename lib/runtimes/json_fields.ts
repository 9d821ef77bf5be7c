import { parseJsonBound } from "./json_bound.ts";
import type { EventPod } from "../model/event.ts";
import { MAX_TEXT_LENGTH } from "./label_filter.ts";

/** A JSON object of a runtime, of which nothing is sure. */
export type Fields = { readonly [key: string]: unknown };

/** The object that `value` is; an empty one where it is none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

/** The object that a text of JSON is; an empty one if it is none. */
export function parsedFields(text: unknown): Fields {
  try {
    return fieldsOf(parseJsonBound(typeof text === "string" ? text : "{}"));
  } catch {
    return {};
  }
}

/** The text that `value` is, unless it is empty or too long. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" &&
      value.length <= MAX_TEXT_LENGTH
    ? value
    : undefined;
}

/** The whole number that `value` is. */
export function wholeOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? value as number : undefined;
}

/** Milliseconds since the epoch; Go's year 1 is no time. */
export function timeOf(value: unknown): number | undefined {
  const text = textOf(value);
  const timeMs = text === undefined ? NaN : Date.parse(text);
  return timeMs > 0 ? timeMs : undefined;
}

/** The object without the keys whose value is undefined. */
export function defined<T extends object>(
  object: { readonly [K in keyof T]: T[K] | undefined },
): T {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as T;
}

/** The pod that the kubelet's labels tell; undefined where they tell of none. */
export function podOf(labels: Fields): EventPod | undefined {
  const pod = defined<EventPod>({
    "namespace": textOf(labels["io.kubernetes.pod.namespace"]),
    "name": textOf(labels["io.kubernetes.pod.name"]),
    "uid": textOf(labels["io.kubernetes.pod.uid"]),
    "container": textOf(labels["io.kubernetes.container.name"]),
  });
  return pod.name === undefined && pod.uid === undefined ? undefined : pod;
}
