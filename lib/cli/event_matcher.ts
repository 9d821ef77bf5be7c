import { containerTitle } from "../explain/explain_oom.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import type { Json } from "./output.ts";

/** Maximum number of container IDs with the name. */
const MAX_IDS = 10_000;
/** Maximum number of events without the name whose container may be named later. */
const MAX_WAITING = 1_000;

/**
 * Selects the events of a container by a name from the command line, as {@linkcode
 * matchesContainer} does, and also by the container's ID: an event may have the
 * ID, but not yet the name.
 */
export class EventMatcher {
  readonly #text: string;
  readonly #ids = new Set<string>();
  #waiting: Json[] = [];

  /** @param text as of {@linkcode matchesContainer}, also with `pod:` as in the filter of `top` */
  constructor(text: string) {
    this.#text = withoutPodPrefix(text);
  }

  /** Substring of the JSON of each event that contains the name unescaped. */
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

  /** Matches by the IDs recorded so far, and by the event itself. */
  matches(event: Json): boolean {
    return this.#ids.has(event.container?.id) ||
      matchesContainer(event, this.#text);
  }

  /**
   * Returns the event if it matches, preceded by earlier events with the same ID
   * that did not match.
   */
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

/** Accepts `pod:web-0`, and `pod/web-0` as kubectl prints it. */
export function withoutPodPrefix(text: string): string {
  return text.replace(/^pod[:/]/, "");
}

/** Shorter ID prefixes do not match. */
const MIN_ID_LENGTH = 4;

/**
 * Returns whether an event refers to a container, pod or cgroup. The text from
 * the command line is one of:
 *
 * - the path of a cgroup or one of its ancestors;
 * - without a leading slash also the name or alias of a container, a pod (UID,
 *   `NAME` or `NAMESPACE/NAME`), `NAMESPACE/POD/CONTAINER`, the prefix of a
 *   container ID, or one component of a cgroup's path, such as a systemd unit.
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
