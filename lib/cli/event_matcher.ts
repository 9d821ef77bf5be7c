import { containerTitle } from "../explain/explain_oom.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import type { Json } from "./output.ts";

/** Container IDs per name. */
const MAX_IDS = 10_000;
/** Events whose container may be named later. */
const MAX_WAITING = 1_000;

/**
 * Selects a container's events as {@linkcode matchesContainer}, and also by ID:
 * an event may have the ID before the name.
 */
export class EventMatcher {
  readonly #text: string;
  readonly #ids = new Set<string>();
  #waiting: Json[] = [];

  /**
   * @param text as of {@linkcode matchesContainer}, or with `pod:` as in
   *   `top`'s filter
   */
  constructor(text: string) {
    this.#text = withoutPodPrefix(text);
  }

  /** Substring of each event's JSON with the unescaped name. */
  get needle(): string {
    const [part = ""] = this.#text.split("/").filter(Boolean).slice(-1);
    return JSON.stringify(part).slice(1, -1);
  }

  /** Records the container's ID if the event matches. */
  recordId(event: Json): void {
    const id = event.container?.id;
    if (id === undefined || this.#ids.size >= MAX_IDS) return;
    if (matchesContainer(event, this.#text)) this.#ids.add(id);
  }

  /** Matches the event itself, or the recorded IDs. */
  matches(event: Json): boolean {
    return this.#ids.has(event.container?.id) ||
      matchesContainer(event, this.#text);
  }

  /** Returns a matching event, after earlier events with its ID that did not match. */
  select(event: Json): Json[] {
    const id = event.container?.id;
    if (!this.matches(event)) {
      if (id !== undefined) this.#waiting.push(event);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return [];
    }
    if (id === undefined || this.#ids.has(id)) return [event];
    this.recordId(event);
    const hasSameId = (other: Json) => other.container.id === id;
    const earlier = this.#waiting.filter(hasSameId);
    this.#waiting = this.#waiting.filter((other) => !hasSameId(other));
    return [...earlier, event];
  }
}

/** Accepts `pod:web-0`, and kubectl's `pod/web-0`. */
export function withoutPodPrefix(text: string): string {
  return text.replace(/^pod[:/]/, "");
}

/** Shorter ID prefixes do not match. */
const MIN_ID_LENGTH = 4;

/**
 * Returns whether an event refers to a container, pod or cgroup. The text is:
 *
 * - a cgroup's path, or an ancestor's;
 * - without a leading slash also a name or alias of a container, a pod (UID,
 *   `NAME` or `NAMESPACE/NAME`), `NAMESPACE/POD/CONTAINER`, a container ID's
 *   prefix, or a component of a cgroup's path, such as a systemd unit.
 */
export function matchesContainer(event: Json, text: string): boolean {
  const cgroups = cgroupsOf(event);
  const path = `/${text.replace(/^\/+|\/+$/g, "")}`;
  if (
    path === "/" ||
    cgroups.some((name) => name === path || name.startsWith(`${path}/`))
  ) return true;
  if (text.startsWith("/")) return false;
  return namesOf(event.container).includes(text) ||
    text.length >= MIN_ID_LENGTH && hasIdPrefix(event.container, text) ||
    cgroups.some((name) => unescapeUnit(name).split("/").includes(text));
}

function cgroupsOf({ container_name: name, event_data: data }: Json): string[] {
  const { victim_cgroup: victim, limit_cgroup: limit } = data?.oom ?? {};
  return [name, victim, limit].filter((one) => typeof one === "string");
}

function namesOf(container: Json): string[] {
  if (container === undefined) return [];
  const { name, aliases = [], pod = {} } = container as Json;
  return [
    name,
    ...aliases,
    pod.name,
    pod.uid,
    pod.container,
    pod.name && `${pod.namespace}/${pod.name}`,
    containerTitle(container, undefined),
  ].filter((one) => typeof one === "string");
}

function hasIdPrefix(container: Json, text: string): boolean {
  return `${container?.id ?? ""}`.startsWith(text);
}
