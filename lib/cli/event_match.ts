import { containerTitle } from "../explain/explain_oom.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import type { Json } from "./output.ts";

/** Containers that a name may have at once, and events that wait for the name of theirs. */
const MAX_IDS = 10_000;
const MAX_WAITING = 1_000;

/**
 * Selects the events of what a person names, also those that were emitted
 * before the container's name was known: a later event with the same id has it.
 */
export class EventMatcher {
  readonly #text: string;
  readonly #ids = new Set<string>();
  #waiting: Json[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** What the JSON of each event contains that names it. */
  get needle(): string {
    const [part = ""] = this.#text.split("/").filter(Boolean).slice(-1);
    return JSON.stringify(part).slice(1, -1);
  }

  /** Takes note of an event that names it. */
  learn(event: Json): void {
    const id = event.container?.id;
    if (id === undefined || this.#ids.size >= MAX_IDS) return;
    if (isOf(event, this.#text)) this.#ids.add(id);
  }

  /** Whether an event is of it, as far as that is known by now. */
  matches(event: Json): boolean {
    return this.#ids.has(event.container?.id) || isOf(event, this.#text);
  }

  /** What is selected now that an event has arrived: it, after those that waited for its name. */
  take(event: Json): Json[] {
    const id = event.container?.id;
    if (!this.matches(event)) {
      if (id !== undefined) this.#waiting.push(event);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return [];
    }
    if (id === undefined || this.#ids.has(id)) return [event];
    this.learn(event);
    const isOfIt = (other: Json) => other.container.id === id;
    const before = this.#waiting.filter(isOfIt);
    this.#waiting = this.#waiting.filter((other) => !isOfIt(other));
    return [...before, event];
  }
}

/** An id is recognized by so many of its first characters, as in Docker. */
const MIN_ID_LENGTH = 4;

/**
 * Whether an event is of what a person names: a cgroup or one below it where
 * the text begins with a slash; else a container, a pod, with its namespace or
 * without, a systemd unit, the beginning of an id, or a cgroup without its slash.
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
