import {
  EVENT_TYPES,
  type EventRequest,
  type EventType,
  matches,
  type StoredEvent,
} from "../model/event.ts";
import { TimedStore } from "../model/timed_store.ts";
import { policyOf, type StoragePolicy } from "./storage_policy.ts";

/** The events that are kept, a {@linkcode TimedStore} for each type. */
export class EventStore {
  readonly #stores: ReadonlyMap<EventType, TimedStore<StoredEvent>>;

  /** Makes an empty store with the bounds of each type. */
  constructor(policy: StoragePolicy) {
    this.#stores = new Map(EVENT_TYPES.map((type) => [
      type,
      new TimedStore<StoredEvent>(policyOf(policy, type)),
    ]));
  }

  /** Keeps an event, and drops of its type what is now too old or too much. */
  add(type: EventType, kept: StoredEvent): void {
    this.#stores.get(type)?.add(kept.timestampMs, kept);
  }

  /**
   * The newest `max` of the kept events that the request asks for, the oldest
   * first; −1 for all. The `maxEvents` and `sinceSeq` of the request play no part.
   */
  select(request: EventRequest, max: number): StoredEvent[] {
    const found: StoredEvent[] = [];
    if (max === 0) return found;
    const { startMs = -Infinity } = request;
    for (const kept of this.#newestFirst(request.types, request.endMs)) {
      if (kept.timestampMs < startMs) break;
      if (matches(request, kept)) found.push(kept);
      if (found.length === max) break;
    }
    return found.reverse();
  }

  /** All kept events of greater `seq`, ascending by it, where `lastSeq` is the greatest given out. */
  after(sinceSeq: number, lastSeq: number): StoredEvent[] {
    const found: StoredEvent[] = [];
    // Numbers have no holes, so when as many are found as were given out since, the older
    // ones need no look. Time cannot say that: a creation may be dated long ago.
    const wanted = lastSeq - sinceSeq;
    if (wanted <= 0) return found;
    for (const kept of this.#newestFirst()) {
      if (kept.event.seq <= sinceSeq) continue;
      found.push(kept);
      if (found.length === wanted) break;
    }
    return found.sort((a, b) => a.event.seq - b.event.seq);
  }

  /**
   * The events of some types from the newest not after `endMs`, of one time
   * the last added first. The types are merged as they are read, so that the
   * newest few of very many cost little.
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
        heads.push({ kept: first.value, rest });
      }
    }
    for (let head = newestOf(heads); head; head = newestOf(heads)) {
      yield head.kept;
      const next = head.rest.next();
      if (next.done === true) heads.splice(heads.indexOf(head), 1);
      else head.kept = next.value;
    }
  }
}

/** What is next of one type. */
interface Head {
  kept: StoredEvent;
  readonly rest: Iterator<StoredEvent>;
}

function newestOf(heads: readonly Head[]): Head | undefined {
  let newest: Head | undefined;
  for (const head of heads) {
    if (newest === undefined || isNewer(head.kept, newest.kept)) newest = head;
  }
  return newest;
}

function isNewer(a: StoredEvent, b: StoredEvent): boolean {
  return a.timestampMs === b.timestampMs
    ? a.event.seq > b.event.seq
    : a.timestampMs > b.timestampMs;
}
