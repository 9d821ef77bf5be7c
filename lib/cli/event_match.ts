import { containerTitle } from "../explain/explain_oom.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import type { Json } from "./output.ts";

/** Container IDs of a name, and events waiting for a name. */
const MAX_IDS = 10_000;
const MAX_WAITING = 1_000;

/**
 * Selects events by container name, including earlier ones: a later event with
 * the same ID contains the name.
 */
export class EventMatcher {
  readonly #text: string;
  readonly #ids = new Set<string>();
  #waiting: Json[] = [];

  /** @param text as of {@linkcode isOf}, also with `pod:` as in the filter of `top` */
  constructor(text: string) {
    this.#text = withoutPodPrefix(text);
  }

  /** A substring of each event that contains the name. */
  get needle(): string {
    const [part = ""] = this.#text.split("/").filter(Boolean).slice(-1);
    return JSON.stringify(part).slice(1, -1);
  }

  /** Records the ID of a container with the name. */
  recordNames(event: Json): void {
    const id = event.container?.id;
    if (id === undefined || this.#ids.size >= MAX_IDS) return;
    if (isOf(event, this.#text)) this.#ids.add(id);
  }

  /** Matches by the names known so far. */
  matches(event: Json): boolean {
    return this.#ids.has(event.container?.id) || isOf(event, this.#text);
  }

  /** Returns earlier events that waited for the name, then the event itself. */
  take(event: Json): Json[] {
    const id = event.container?.id;
    if (!this.matches(event)) {
      if (id !== undefined) this.#waiting.push(event);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return [];
    }
    if (id === undefined || this.#ids.has(id)) return [event];
    this.recordNames(event);
    const isOfIt = (other: Json) => other.container.id === id;
    const before = this.#waiting.filter(isOfIt);
    this.#waiting = this.#waiting.filter((other) => !isOfIt(other));
    return [...before, event];
  }
}

/** Accepts `pod:web-0`, and `pod/web-0` as kubectl prints it. */
export function withoutPodPrefix(text: string): string {
  return text.replace(/^pod[:/]/, "");
}

/** ID prefix length, as in Docker. */
const MIN_ID_LENGTH = 4;

/**
 * Matches a cgroup or an ancestor if the text has a leading slash; otherwise a
 * container, a pod with or without namespace, a systemd unit, an ID prefix, or
 * a cgroup without slash.
 */
export function isOf(event: Json, text: string): boolean {
  const cgroups = cgroupsOf(event);
  const path = `/${text.replace(/^\/+|\/+$/g, "")}`;
  if (
    path === "/" ||
    cgroups.some((name) => name === path || name.startsWith(`${path}/`))
  ) return true;
  if (text.startsWith("/")) return false;
  return namesOf(event.container).includes(text) ||
    text.length >= MIN_ID_LENGTH && hasId(event.container, text) ||
    cgroups.some((name) => unescapeUnit(name).split("/").includes(text));
}

function cgroupsOf({ container_name: name, event_data: data }: Json): string[] {
  const { victim_cgroup: victim, limit_cgroup: limit } = data?.oom ?? {};
  return [name, victim, limit].filter((one) => typeof one === "string");
}

function namesOf(container: Json): string[] {
  if (container === undefined) return [];
  const { name, aliases = [], pod: { namespace, name: pod, uid, ...of } = {} } =
    container as Json;
  return [
    name,
    ...aliases,
    pod,
    uid,
    of.container,
    pod && `${namespace}/${pod}`,
    containerTitle(container, undefined),
  ].filter((one) => typeof one === "string");
}

function hasId(container: Json, text: string): boolean {
  return `${container?.id ?? ""}`.startsWith(text);
}
