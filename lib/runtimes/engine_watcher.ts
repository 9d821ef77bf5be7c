import { type Clock, sleep } from "../model/clock.ts";
import { isPermissionDenied, messageOf } from "../model/errors.ts";
import type { SourceState } from "../model/source_state.ts";
import type { Engine, EngineEvent } from "./engine.ts";

/** Start of the detail of an engine whose socket may not be used. */
export const NO_PERMISSION = "no permission for the socket";

/**
 * Returns one state per runtime: the worst of its engines with a usable socket,
 * otherwise that of an engine whose socket may not be used, or the likeliest
 * engine's.
 */
export function engineStates(
  watchers: readonly Pick<EngineWatcher, "state">[],
): SourceState[] {
  const states = watchers.map(({ state }) => state);
  return [...Map.groupBy(states, ({ name }) => name).values()]
    .flatMap((same) => {
      const there = same.filter(({ state }) => state !== "off");
      const bad = there.filter(({ state }) => state === "degraded");
      const denied = same.filter(({ detail }) =>
        detail.startsWith(NO_PERMISSION)
      );
      const [first] = [...bad, ...there, ...denied, ...same];
      if (first === undefined) return [];
      const details = bad.map(({ detail }) => detail).join("; ");
      return [bad.length > 1 ? { ...first, detail: details } : first];
    });
}

/** Dependencies. */
export interface EngineWatcherOptions {
  readonly engine: Engine;
  readonly clock: Clock;
}

const PING_INTERVAL_MS = 10_000;

/** Doubles with each failure. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

const ABSENT_RETRY_MS = 5_000;

/**
 * Streams an engine's container changes: names, images, health, exit codes and
 * renames. Engines do not report cgroups: a `ContainerWatcher` finds the
 * containers. Without an engine, metadata arrives later but completely.
 */
export class EngineWatcher {
  readonly #options: EngineWatcherOptions;
  readonly #closing = new AbortController();
  #state: SourceState;
  #lost = 0;

  constructor(options: EngineWatcherOptions) {
    this.#options = options;
    this.#state = this.#stateOf("off", "not yet checked");
  }

  /** `off` without a socket, or without permission for it. */
  get state(): SourceState {
    return this.#state;
  }

  /** Unreadable messages. */
  get lost(): number {
    return this.#lost;
  }

  /** The first batch lists all containers. */
  async *updates(): AsyncGenerator<readonly EngineEvent[], void, unknown> {
    const { clock, engine } = this.#options;
    const { signal } = this.#closing;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      if (!await engine.exists()) {
        this.#state = this.#stateOf("off", `no socket at ${this.#socket}`);
        await sleep(clock, ABSENT_RETRY_MS, signal);
        continue;
      }
      try {
        for await (const batch of this.#connection()) {
          retryMs = FIRST_RETRY_MS;
          yield batch;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isPermissionDenied(error)) {
          this.#state = this.#stateOf(
            "off",
            `${NO_PERMISSION} ${this.#socket}: names come from the runtime's files`,
          );
          await sleep(clock, ABSENT_RETRY_MS, signal);
          continue;
        }
        this.#state = this.#stateOf("degraded", messageOf(error));
      }
      await sleep(clock, retryMs, signal);
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#options.engine.close();
  }

  async *#connection(): AsyncGenerator<readonly EngineEvent[], void, unknown> {
    const { engine } = this.#options;
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#closing.signal]);
    try {
      // Subscribes before listing, so that no change is missed.
      const batches = engine.follow(signal, () => this.#lose());
      let next = batches.next();
      next.catch(() => {});
      yield await this.#list();
      let failure: unknown;
      this.#pingUntilFailure(signal).catch((error) => {
        failure = error;
        ending.abort();
      });
      for (;;) {
        const { value = [], done } = await next.catch((error) => {
          throw failure ?? error;
        });
        if (done) return;
        next = batches.next();
        next.catch(() => {});
        if (value.length > 0) yield value;
      }
    } finally {
      ending.abort();
    }
  }

  /** Returns no containers if the list exceeds a limit. */
  async #list(): Promise<readonly EngineEvent[]> {
    try {
      const lost = this.#lost;
      const list = await this.#options.engine.list(() => this.#lose());
      if (this.#lost === lost) this.#state = this.#stateOf("ok", "");
      return list;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#state = this.#stateOf("degraded", messageOf(error));
      return [];
    }
  }

  async #pingUntilFailure(signal: AbortSignal): Promise<void> {
    const { clock, engine } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, PING_INTERVAL_MS, signal);
      if (!signal.aborted) await engine.ping();
    }
  }

  #lose(): void {
    this.#lost++;
    this.#state = this.#stateOf(
      "degraded",
      `${this.#lost} messages could not be read`,
    );
  }

  get #socket(): string {
    return this.#options.engine.socketPath;
  }

  #stateOf(state: SourceState["state"], detail: string): SourceState {
    return { name: this.#options.engine.runtime, state, detail };
  }
}
