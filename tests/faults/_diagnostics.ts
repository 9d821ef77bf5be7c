import { assert } from "@std/assert";
import type { Clock } from "../../lib/model/clock.ts";
import type { LogFields, Logger } from "../../lib/model/logger.ts";

interface Entry {
  readonly atMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** Records warnings and errors of the agent with their times. */
export class Diagnostics implements Logger {
  readonly #clock: Clock;
  #entries: Entry[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  debug(): void {}

  info(): void {}

  warn(message: string, fields: LogFields = {}): void {
    this.#entries.push({ atMs: this.#clock.monotonic(), message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.warn(message, fields);
  }

  /** Returns whether a message was logged since a time of the clock. */
  has(message: string, sinceMs: number): boolean {
    return this.#entries.some((entry) =>
      entry.atMs >= sinceMs && entry.message === message
    );
  }

  /**
   * Asserts that each message was logged at most once a minute per container.
   */
  assertRateLimited(): void {
    const last = new Map<string, number>();
    const entries = this.#entries;
    const nowMs = this.#clock.monotonic();
    // A failed assertion is reported once.
    this.#entries = entries.filter(({ atMs }) => atMs > nowMs - 60_000).slice(
      -20,
    );
    for (const { message, fields, atMs } of entries) {
      const key = `${message} ${fields["container"] ?? ""}`;
      const beforeMs = last.get(key) ?? -Infinity;
      assert(
        atMs - beforeMs >= 60_000,
        `${key}: logged again after ${atMs - beforeMs} ms`,
      );
      last.set(key, atMs);
    }
  }
}
