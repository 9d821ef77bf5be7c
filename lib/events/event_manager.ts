import { ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import { BadRequestError } from "../model/errors.ts";
import {
  type CheckpointData,
  type Event,
  EVENT_TYPES,
  type EventContainer,
  type EventData,
  type EventRequest,
  type EventType,
  formatTimestamp,
  matches,
  type NewEvent,
  type StoredEvent,
} from "../model/event.ts";
import { EventStore } from "./event_store.ts";
import { EventWatch } from "./event_watch.ts";
import {
  DEFAULT_STORAGE_POLICY,
  type StoragePolicy,
} from "./storage_policy.ts";

/** Options of {@linkcode EventManager}. */
export interface EventManagerOptions {
  readonly node: string;
  readonly bootId: string;
  readonly clock: Clock;
  /** Last `seq` of an earlier run. @default 0 */
  readonly lastSeq?: number;
  /** @default DEFAULT_STORAGE_POLICY */
  readonly storagePolicy?: StoragePolicy;
  /** Returns an event's `container` field. @default () => undefined */
  readonly describe?: (event: NewEvent) => EventContainer | undefined;
}

/** Options of {@linkcode EventManager.watchEvents}. */
export interface WatchOptions {
  /** Queued live events; when full, the oldest is dropped. @default 1024 */
  readonly queueLimit?: number;
}

/** Event, watch and loss counters. */
export interface EventCounters {
  /** Events of this run. */
  readonly totals: Readonly<Record<EventType, number>>;
  /** Open watches. */
  readonly watches: number;
  /** Events dropped by watches, including closed ones. */
  readonly lost: number;
}

/**
 * Numbers and stores events, and distributes them to watches.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "../model/clock.ts";
 *
 * const events = new EventManager({ node: "n1", bootId: "2f5", clock: systemClock });
 * const watch = events.watchEvents({});
 * events.addEvent({ timestampMs: 0, type: "containerCreation", containerName: "/a" });
 * const [stored] = await watch.next();
 * assertEquals(stored?.event.seq, 1);
 * assertEquals(events.getEvents({ containerName: "/a" }), [stored]);
 * ```
 */
export class EventManager {
  readonly #node: string;
  readonly #bootId: string;
  readonly #clock: Clock;
  readonly #store: EventStore;
  readonly #describe: NonNullable<EventManagerOptions["describe"]>;
  readonly #totals: Record<EventType, number>;
  readonly #watches = new Map<number, EventWatch>();
  #lastSeq: number;
  #lastWatchId = 0;
  /** Losses of closed watches. */
  #lostBefore = 0;

  /** @throws {RangeError} if `lastSeq` is not an integer of at least 0 */
  constructor(options: EventManagerOptions) {
    const { lastSeq = 0, storagePolicy = DEFAULT_STORAGE_POLICY } = options;
    if (!Number.isSafeInteger(lastSeq) || lastSeq < 0) {
      throw new RangeError(
        `Cannot use lastSeq "${lastSeq}": expected an integer of at least 0`,
      );
    }
    this.#node = options.node;
    this.#bootId = options.bootId;
    this.#clock = options.clock;
    this.#describe = options.describe ?? (() => undefined);
    this.#lastSeq = lastSeq;
    this.#store = new EventStore(storagePolicy);
    this.#totals = Object.fromEntries(
      EVENT_TYPES.map((type) => [type, 0]),
    ) as Record<EventType, number>;
  }

  get node(): string {
    return this.#node;
  }

  /** Last assigned `seq`, possibly by an earlier run. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  get counters(): EventCounters {
    let lost = this.#lostBefore;
    for (const watch of this.#watches.values()) lost += watch.lost;
    return { totals: { ...this.#totals }, watches: this.#watches.size, lost };
  }

  /**
   * Numbers and stores the event, and queues it for each matching watch.
   *
   * @throws {RangeError} if the timestamp is invalid
   */
  addEvent(event: NewEvent): StoredEvent {
    const { timestampMs, type, containerName, data } = event;
    const container = this.#describe(event);
    const stored = this.#keep(timestampMs, {
      "seq": this.#lastSeq + 1,
      "boot_id": this.#bootId,
      "node": this.#node,
      "timestamp": formatTimestamp(timestampMs),
      "event_type": type,
      "container_name": containerName,
      ...(container === undefined ? {} : { "container": container }),
      "event_data": data ?? {},
    });
    // Only after serialization: an event that fails must not leave a gap.
    this.#lastSeq++;
    this.#totals[type]++;
    this.#store.add(type, stored);
    for (const watch of this.#watches.values()) {
      if (matches(watch.request, stored)) watch.push(stored);
    }
    return stored;
  }

  /**
   * Returns stored events, oldest first; with `sinceSeq`, ordered by `seq`.
   * `maxEvents` selects the newest.
   *
   * @throws {BadRequestError} if `maxEvents` is not an integer of at least −1
   */
  getEvents(request: EventRequest): StoredEvent[] {
    const { maxEvents = -1, sinceSeq } = request;
    if (!Number.isInteger(maxEvents) || maxEvents < -1) {
      throw new BadRequestError(
        `Cannot select max_events "${maxEvents}": expected -1 or an integer of at least 0`,
      );
    }
    if (sinceSeq === undefined) return this.#store.select(request, maxEvents);
    if (maxEvents === 0) return [];
    const found = this.#store.after(sinceSeq, this.#lastSeq)
      .filter((stored) => matches(request, stored));
    return maxEvents < 0 ? found : found.slice(-maxEvents);
  }

  /**
   * Watches new events. With `sinceSeq`, stored events with a larger `seq` come
   * first, without gaps or duplicates. `maxEvents` is ignored.
   *
   * @throws {BadRequestError} with a start or end time
   * @throws {RangeError} if the queue limit is not an integer of at least 1
   */
  watchEvents(request: EventRequest, options: WatchOptions = {}): EventWatch {
    const { queueLimit = 1024 } = options;
    if (request.startMs !== undefined || request.endMs !== undefined) {
      throw new BadRequestError(
        "Cannot watch events with start_time or end_time: a watch has no time range",
      );
    }
    if (!Number.isSafeInteger(queueLimit) || queueLimit < 1) {
      throw new RangeError(
        `Cannot use queueLimit "${queueLimit}": expected an integer of at least 1`,
      );
    }
    // `sinceSeq` does not filter live events: one from a deleted log may be too
    // large and exclude them.
    const { sinceSeq, ...live } = request;
    const watch = new EventWatch({
      id: ++this.#lastWatchId,
      request: live,
      queueLimit,
      backlog: sinceSeq === undefined ? [] : this.#backlog(live, sinceSeq),
      createLossNotice: (count, seq) =>
        this.#lostNotice(count, seq, "queue full"),
      onEnd: (ended) => this.#forget(ended),
    });
    this.#watches.set(watch.id, watch);
    return watch;
  }

  /** Returns a line of JSON; `seq` is that of the preceding event. */
  checkpointLine(checkpoint: CheckpointData, seq: number): string {
    return this.#notice("checkpoint", seq, { checkpoint }).json;
  }

  /** Returns whether the watch was open. */
  stopWatch(id: number): boolean {
    const watch = this.#watches.get(id);
    watch?.close();
    return watch !== undefined;
  }

  #forget(watch: EventWatch): void {
    if (this.#watches.delete(watch.id)) this.#lostBefore += watch.lost;
  }

  /** A notice precedes the stored events if some are missing. */
  #backlog(request: EventRequest, sinceSeq: number): StoredEvent[] {
    const stored = this.#store.after(sinceSeq, this.#lastSeq);
    const backlog = stored.filter((event) => matches(request, event));
    // Only the number of missing events is known: with a filter, they may not
    // match it.
    const all = request.containerName === undefined &&
      (request.types === undefined ||
        EVENT_TYPES.every((type) => request.types?.has(type)));
    const gone = this.#lastSeq - Math.max(0, sinceSeq) - stored.length;
    if (all && gone > 0) {
      // A client that resumes from this `seq` receives all stored events, even
      // if others are missing between them.
      const seq = (stored[0]?.event.seq ?? this.#lastSeq + 1) - 1;
      backlog.unshift(this.#lostNotice(gone, seq, "no longer kept"));
    }
    return backlog;
  }

  #lostNotice(count: number, seq: number, reason: string): StoredEvent {
    return this.#notice("lost", seq, { "lost": { count, reason } });
  }

  /** A notice is not an event and does not increment `seq`. */
  #notice(
    type: "lost" | "checkpoint",
    seq: number,
    data: EventData,
  ): StoredEvent {
    const timestampMs = this.#clock.now();
    return this.#keep(timestampMs, {
      "seq": seq,
      "boot_id": this.#bootId,
      "node": this.#node,
      "timestamp": formatTimestamp(timestampMs),
      "event_type": type,
      "container_name": ROOT,
      "event_data": data,
    });
  }

  #keep(timestampMs: number, event: Event): StoredEvent {
    return { event, timestampMs, json: JSON.stringify(event) };
  }
}
