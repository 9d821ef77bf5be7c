import {
  EVENT_TYPES,
  type EventRequest,
  type EventType,
  matches,
  type StoredEvent,
} from "../model/event.ts";
import { TimedStore } from "../model/timed_store.ts";
import { policyOf, type StoragePolicy } from "./storage_policy.ts";

/** Stored events, one {@linkcode TimedStore} per type. */
export class EventStore {
  readonly #stores: ReadonlyMap<EventType, TimedStore<StoredEvent>>;

  constructor(policy: StoragePolicy) {
    this.#stores = new Map(EVENT_TYPES.map((type) => [
      type,
      new TimedStore<StoredEvent>(policyOf(policy, type)),
    ]));
  }

  /** Drops events that exceed a limit. */
  add(type: EventType, stored: StoredEvent): void {
    this.#stores.get(type)?.add(stored.timestampMs, stored);
  }

  /**
   * Returns the newest `max` matches, oldest first; −1 means all. Ignores
   * `maxEvents` and `sinceSeq`.
   */
  select(request: EventRequest, max: number): StoredEvent[] {
    const found: StoredEvent[] = [];
    if (max === 0) return found;
    const { startMs = -Infinity } = request;
    for (const stored of this.#newestFirst(request.types, request.endMs)) {
      if (stored.timestampMs < startMs) break;
      if (matches(request, stored)) found.push(stored);
      if (found.length === max) break;
    }
    return found.reverse();
  }

  /** Returns events with a larger `seq`, ascending. */
  after(sinceSeq: number, lastSeq: number): StoredEvent[] {
    const found: StoredEvent[] = [];
    // `seq` has no gaps: older events need no check once enough are found.
    // Timestamps cannot be used: a creation may have an old one.
    const newerCount = lastSeq - sinceSeq;
    if (newerCount <= 0) return found;
    for (const stored of this.#newestFirst()) {
      if (stored.event.seq <= sinceSeq) continue;
      found.push(stored);
      if (found.length === newerCount) break;
    }
    return found.sort((a, b) => a.event.seq - b.event.seq);
  }

  /**
   * Yields the newest first, from `endMs`; for equal timestamps, the last added
   * first. Types are merged lazily: reading a few is cheap.
   */
  *#newestFirst(
    types: Iterable<EventType> = EVENT_TYPES,
    endMs = Infinity,
  ): Generator<StoredEvent> {
    const heads: Head[] = [];
    for (const type of types) {
      const rest = this.#stores.get(type)?.newestFirst(endMs);
      const first = rest?.next();
      if (rest !== undefined && first?.done === false) {
        heads.push({ stored: first.value, rest });
      }
    }
    for (let head = newestOf(heads); head; head = newestOf(heads)) {
      yield head.stored;
      const next = head.rest.next();
      if (next.done === true) heads.splice(heads.indexOf(head), 1);
      else head.stored = next.value;
    }
  }
}

interface Head {
  stored: StoredEvent;
  readonly rest: Iterator<StoredEvent>;
}

function newestOf(heads: readonly Head[]): Head | undefined {
  let newest: Head | undefined;
  for (const head of heads) {
    if (newest === undefined || isNewer(head.stored, newest.stored)) {
      newest = head;
    }
  }
  return newest;
}

function isNewer(a: StoredEvent, b: StoredEvent): boolean {
  return a.timestampMs === b.timestampMs
    ? a.event.seq > b.event.seq
    : a.timestampMs > b.timestampMs;
}
