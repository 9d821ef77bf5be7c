import { parseBoundedJson } from "./bounded_json.ts";
import { defined } from "../model/defined.ts";
import type { EventPod } from "../model/event.ts";
import { MAX_TEXT_LENGTH } from "./label_filter.ts";

/** A runtime's JSON object, not validated. */
export type JsonObject = { readonly [key: string]: unknown };

/** Returns an empty object for other values. */
export function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as JsonObject
    : {};
}

/** Returns an empty object for any other text. */
export function parseObject(text: unknown): JsonObject {
  try {
    return asObject(parseBoundedJson(typeof text === "string" ? text : "{}"));
  } catch {
    return {};
  }
}

/** Returns strings that are neither empty nor too long. */
export function asString(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" &&
      value.length <= MAX_TEXT_LENGTH
    ? value
    : undefined;
}

/** Returns safe integers. */
export function asInteger(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? value as number : undefined;
}

/** Returns milliseconds since the epoch; `undefined` for Go's zero time (year 1). */
export function asTimestampMs(value: unknown): number | undefined {
  const text = asString(value);
  const timeMs = text === undefined ? NaN : Date.parse(text);
  return timeMs > 0 ? timeMs : undefined;
}

/** Returns the pod in the kubelet's labels. */
export function podOf(labels: JsonObject): EventPod | undefined {
  const pod = defined<EventPod>({
    "namespace": asString(labels["io.kubernetes.pod.namespace"]),
    "name": asString(labels["io.kubernetes.pod.name"]),
    "uid": asString(labels["io.kubernetes.pod.uid"]),
    "container": asString(labels["io.kubernetes.container.name"]),
  });
  return pod.name === undefined && pod.uid === undefined ? undefined : pod;
}
