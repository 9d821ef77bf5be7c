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

/** What an {@linkcode EventManager} is made from. */
export interface EventManagerOptions {
  /** The node's name, which every event bears. */
  readonly node: string;
  /** The id of this boot of the node, which every event bears. */
  readonly bootId: string;
  readonly clock: Clock;
  /** The `seq` of the last event of an earlier run. @default 0 */
  readonly lastSeq?: number;
  /** @default DEFAULT_STORAGE_POLICY */
  readonly storagePolicy?: StoragePolicy;
  /** Who the container of an event is, as far as it is known now. @default nobody */
  readonly describe?: (event: NewEvent) => EventContainer | undefined;
}

/** Options of {@linkcode EventManager.watchEvents}. */
export interface WatchOptions {
  /** How many live events may wait for the reader before the oldest goes. @default 1024 */
  readonly queueLimit?: number;
}

/** How many events there were, who watches them, and how many a watcher was too slow for. */
export interface EventCounters {
  /** Events added in this run. */
  readonly totals: Readonly<Record<EventType, number>>;
  /** Watches open now. */
  readonly watches: number;
  /** Events dropped from the queues of all watches, also of those that have ended. */
  readonly lost: number;
}

/**
 * Numbers events, keeps them for a while, and passes them to whoever watches.
 * Nobody waits for a watcher.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "../model/clock.ts";
 *
 * const events = new EventManager({ node: "n1", bootId: "2f5", clock: systemClock });
 * const watch = events.watchEvents({});
 * events.addEvent({ timestampMs: 0, type: "containerCreation", containerName: "/a" });
 * const [kept] = await watch.next();
 * assertEquals(kept?.event.seq, 1);
 * assertEquals(events.getEvents({ containerName: "/a" }), [kept]);
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
  /** Dropped from the queues of watches that have ended. */
  #lostBefore = 0;

  /** @throws {RangeError} if `lastSeq` is not a whole number from 0 */
  constructor(options: EventManagerOptions) {
    const { lastSeq = 0, storagePolicy = DEFAULT_STORAGE_POLICY } = options;
    if (!Number.isSafeInteger(lastSeq) || lastSeq < 0) {
      throw new RangeError(
        `Cannot number events as "lastSeq" must be a whole number from 0: current value is ${lastSeq}`,
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

  /** The node's name. */
  get node(): string {
    return this.#node;
  }

  /** The `seq` of the newest event, of this run or an earlier one. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** How many events and watches there are, and what was lost. */
  get counters(): EventCounters {
    let lost = this.#lostBefore;
    for (const watch of this.#watches.values()) lost += watch.lost;
    return { totals: { ...this.#totals }, watches: this.#watches.size, lost };
  }

  /**
   * Gives an event its number, keeps it, and queues it with every watch that
   * asks for it.
   *
   * @throws {RangeError} if its time is not one
   */
  addEvent(event: NewEvent): StoredEvent {
    const { timestampMs, type, containerName, data } = event;
    const container = this.#describe(event);
    const kept = this.#keep(timestampMs, {
      "seq": this.#lastSeq + 1,
      "boot_id": this.#bootId,
      "node": this.#node,
      "timestamp": formatTimestamp(timestampMs),
      "event_type": type,
      "container_name": containerName,
      ...(container === undefined ? {} : { "container": container }),
      "event_data": data ?? {},
    });
    // Only now: an event that cannot be written down must not leave a hole.
    this.#lastSeq++;
    this.#totals[type]++;
    this.#store.add(type, kept);
    for (const watch of this.#watches.values()) {
      if (matches(watch.request, kept)) watch.push(kept);
    }
    return kept;
  }

  /**
   * The kept events asked for, the oldest first; with `sinceSeq` in the order
   * of `seq`. `maxEvents` keeps the newest of what all else selects.
   *
   * @throws {BadRequestError} if `maxEvents` is neither −1 nor a whole number from 0
   */
  getEvents(request: EventRequest): StoredEvent[] {
    const { maxEvents = -1, sinceSeq } = request;
    if (!Number.isInteger(maxEvents) || maxEvents < -1) {
      throw new BadRequestError(
        `Cannot select events as the most wanted must be -1 or a whole number from 0: current value is ${maxEvents}`,
      );
    }
    if (sinceSeq === undefined) return this.#store.select(request, maxEvents);
    if (maxEvents === 0) return [];
    const found = this.#store.after(sinceSeq, this.#lastSeq)
      .filter((kept) => matches(request, kept));
    return maxEvents < 0 ? found : found.slice(-maxEvents);
  }

  /**
   * Opens a watch. Without `sinceSeq` it gives what comes from now on; with it
   * first what is kept of greater `seq`, then what comes, no gap, none twice.
   * `maxEvents` does not apply.
   *
   * @throws {BadRequestError} if the request has a start or an end
   * @throws {RangeError} if the queue limit is not a whole number from 1
   */
  watchEvents(request: EventRequest, options: WatchOptions = {}): EventWatch {
    const { queueLimit = 1024 } = options;
    if (request.startMs !== undefined || request.endMs !== undefined) {
      throw new BadRequestError(
        "Cannot watch events between two times: a watch has no start and no end time",
      );
    }
    if (!Number.isSafeInteger(queueLimit) || queueLimit < 1) {
      throw new RangeError(
        `Cannot watch events as "queueLimit" must be a whole number from 1: current value is ${queueLimit}`,
      );
    }
    // What comes has a greater seq than all before, unless the client's number is from
    // another life of the log, when it would keep out what it must not.
    const { sinceSeq, ...live } = request;
    const watch = new EventWatch({
      id: ++this.#lastWatchId,
      request: live,
      queueLimit,
      backlog: sinceSeq === undefined ? [] : this.#backlog(live, sinceSeq),
      makeLost: (count, seq) => this.#lostNotice(count, seq, "queue full"),
      onEnd: (ended) => this.#forget(ended),
    });
    this.#watches.set(watch.id, watch);
    return watch;
  }

  /** A checkpoint as a line of the event log, after the event of that `seq`. */
  checkpointLine(checkpoint: CheckpointData, seq: number): string {
    return this.#notice("checkpoint", seq, { checkpoint }).json;
  }

  /** Ends a watch; false if there is none of that id. */
  stopWatch(id: number): boolean {
    const watch = this.#watches.get(id);
    watch?.close();
    return watch !== undefined;
  }

  #forget(watch: EventWatch): void {
    if (this.#watches.delete(watch.id)) this.#lostBefore += watch.lost;
  }

  /** What is kept since, with a notice first where not all of it is. */
  #backlog(request: EventRequest, sinceSeq: number): StoredEvent[] {
    const kept = this.#store.after(sinceSeq, this.#lastSeq);
    const backlog = kept.filter((event) => matches(request, event));
    // Of what is no longer kept only the number is known. So the notice is given only to who
    // asked for everything; for another it could count events that were never wanted.
    const all = request.containerName === undefined &&
      (request.types === undefined ||
        EVENT_TYPES.every((type) => request.types?.has(type)));
    const gone = this.#lastSeq - Math.max(0, sinceSeq) - kept.length;
    if (all && gone > 0) {
      // The holes may be several. The number before the first kept one lets a client that
      // resumes from this notice miss nothing.
      const seq = (kept[0]?.event.seq ?? this.#lastSeq + 1) - 1;
      backlog.unshift(this.#lostNotice(gone, seq, "no longer kept"));
    }
    return backlog;
  }

  #lostNotice(count: number, seq: number, reason: string): StoredEvent {
    return this.#notice("lost", seq, { "lost": { count, reason } });
  }

  /** What is no event, and has no number of its own. */
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
