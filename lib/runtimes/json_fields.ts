import { parseJsonBound } from "./json_bound.ts";
import type { EventPod } from "../model/event.ts";
import { MAX_TEXT_LENGTH } from "./label_filter.ts";

/** A JSON object from a runtime, not validated. */
export type Fields = { readonly [key: string]: unknown };

/** Returns `value` as an object; an empty object if it is not one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

/** Parses a JSON object; returns an empty object if the input is not one. */
export function parsedFields(text: unknown): Fields {
  try {
    return fieldsOf(parseJsonBound(typeof text === "string" ? text : "{}"));
  } catch {
    return {};
  }
}

/** Returns `value` if it is a string that is neither empty nor too long. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" &&
      value.length <= MAX_TEXT_LENGTH
    ? value
    : undefined;
}

/** Returns `value` if it is a safe integer. */
export function wholeOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? value as number : undefined;
}

/** Parses a timestamp to milliseconds since the epoch; Go's zero time (year 1) is `undefined`. */
export function timeOf(value: unknown): number | undefined {
  const text = textOf(value);
  const timeMs = text === undefined ? NaN : Date.parse(text);
  return timeMs > 0 ? timeMs : undefined;
}

/** Returns the object without keys whose value is `undefined`. */
export function defined<T extends object>(
  object: { readonly [K in keyof T]: T[K] | undefined },
): T {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as T;
}

/** Returns the pod named by the kubelet's labels; `undefined` if they name none. */
export function podOf(labels: Fields): EventPod | undefined {
  const pod = defined<EventPod>({
    "namespace": textOf(labels["io.kubernetes.pod.namespace"]),
    "name": textOf(labels["io.kubernetes.pod.name"]),
    "uid": textOf(labels["io.kubernetes.pod.uid"]),
    "container": textOf(labels["io.kubernetes.container.name"]),
  });
  return pod.name === undefined && pod.uid === undefined ? undefined : pod;
}
