/**
 * Collectors for the story of a kill and for the list of incidents. Each visits
 * single events, oldest first.
 *
 * @module
 */
import type { Event, EventContainer } from "../model/event.ts";
import { reasonOf } from "./explain_oom.ts";
import { createOomStory, type OomKillCounts, ownerOf } from "./oom_story.ts";

/** An incident in a list; absent fields are not recorded. */
export interface Incident {
  /** First kill, accepted by `explain`. */
  readonly "seq": number;
  /** RFC 3339, UTC. */
  readonly "timestamp": string;
  readonly "incident"?: string;
  readonly "container"?: EventContainer;
  readonly "cgroup": string;
  readonly "process"?: string;
  readonly "reason": string;
  "kills": number;
}

/** Listed incidents, and events read per incident. */
const MAX_INCIDENTS = 1_000;
const MAX_EVENTS = 1_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Whether the OOM killer caused an event. */
export function isOom(
  { event_type: type }: Pick<Event, "event_type">,
): boolean {
  return type === "oom" || type === "oomKill";
}

/** Collects the events of a kill's incident, and counts the kills of its container. */
export class IncidentKills {
  /** The kill itself first. */
  readonly events: Event[] = [];
  readonly #kill: Event;
  readonly #owner: string;
  readonly #counts = { "last_hour": 0, "last_day": 0, "log": 0 };

  constructor(kill: Event) {
    this.#kill = kill;
    this.#owner = ownerOf(kill);
  }

  /** Up to and including the incident. */
  get counts(): OomKillCounts {
    return { "of": this.#owner, ...this.#counts };
  }

  /** Only kills are counted. */
  visit(event: Event): void {
    const kill = this.#kill;
    // The agent also returns `oom` events.
    const isKill = event.event_type === "oomKill";
    if (!isKill && event.seq !== kill.seq) return;
    const incident = kill.event_data.oom?.incident;
    const isSame = incident === undefined
      ? event.seq === kill.seq
      : event.event_data.oom?.incident === incident;
    if (event.seq === kill.seq) this.events.unshift(kill);
    else if (isSame && this.events.length < MAX_EVENTS) this.events.push(event);
    const isOwn = ownerOf(event) === this.#owner ||
      event.container?.id !== undefined &&
        event.container.id === kill.container?.id;
    if (!isKill || !isOwn) return;
    const counts = this.#counts;
    counts.log++;
    const ageMs = Date.parse(kill.timestamp) - Date.parse(event.timestamp);
    if (ageMs > DAY_MS || ageMs < 0 && !isSame) return;
    counts.last_day++;
    if (ageMs <= HOUR_MS) counts.last_hour++;
  }
}

/** Groups events by incident. */
export class IncidentList {
  /** Older incidents left out. */
  dropped = 0;
  readonly #incidents = new Map<string, Incident>();

  visit(event: Event): void {
    if (!isOom(event)) return;
    const id = event.event_data.oom?.incident ?? `${event.seq}`;
    const known = this.#incidents.get(id);
    const isKill = event.event_type === "oomKill";
    if (known === undefined || isKill && known.kills === 0) {
      this.#incidents.set(id, incidentOf(event, isKill ? 1 : 0));
    } else if (isKill) known.kills++;
    const [first] = this.#incidents.keys();
    if (this.#incidents.size > MAX_INCIDENTS && first !== undefined) {
      this.#incidents.delete(first);
      this.dropped++;
    }
  }

  /** Newest first. */
  newest(): Incident[] {
    return [...this.#incidents.values()].reverse();
  }
}

/** Adds names from later events of the same container. */
export class MissingNames {
  readonly #ids: ReadonlySet<string | undefined>;
  readonly #found = new Map<string, EventContainer>();

  constructor(events: Iterable<{ readonly "container"?: EventContainer }>) {
    this.#ids = new Set(
      Iterator.from(events)
        // A runtime provides names and images together.
        .filter(({ container }) =>
          container?.id !== undefined && container.image === undefined
        )
        .map(({ container }) => container?.id),
    );
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  /** From a `containerUpdate`. */
  recordNames({ container }: Pick<Event, "container">): void {
    if (container?.id !== undefined && this.#ids.has(container.id)) {
      this.#found.set(container.id, container);
    }
  }

  /** Returns the events with the recorded names. */
  addTo<T extends { readonly "container"?: EventContainer }>(
    events: readonly T[],
  ): readonly T[] {
    if (this.isEmpty) return events;
    return events.map((event) => {
      const container = this.#found.get(event.container?.id ?? "");
      return container === undefined ? event : { ...event, container };
    });
  }
}

function incidentOf(event: Event, kills: number): Incident {
  const { seq, timestamp, container, container_name: name } = event;
  const { incident, victim_cgroup: victim, process_name: process } =
    event.event_data.oom ?? {};
  return {
    "seq": seq,
    "timestamp": timestamp,
    ...(incident !== undefined && { "incident": incident }),
    ...(container !== undefined && { "container": container }),
    "cgroup": victim ?? name,
    ...(process !== undefined && { "process": process }),
    "reason": reasonOf(createOomStory([event])),
    "kills": kills,
  };
}
