import { assert } from "@std/assert";
import type { Clock } from "../../lib/model/clock.ts";
import type { LogFields, Logger } from "../../lib/model/logger.ts";

interface Said {
  readonly atMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** What the agent complained of to its operator, and when. */
export class Diagnostics implements Logger {
  readonly #clock: Clock;
  #said: Said[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  debug(): void {}

  info(): void {}

  warn(message: string, fields: LogFields = {}): void {
    this.#said.push({ atMs: this.#clock.monotonic(), message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.warn(message, fields);
  }

  /** Whether it has said so since a time of the clock. */
  has(message: string, sinceMs: number): boolean {
    return this.#said.some((said) =>
      said.atMs >= sinceMs && said.message === message
    );
  }

  /** The same was said of the same once a minute at most. */
  assertSeldom(): void {
    const last = new Map<string, number>();
    const said = this.#said;
    const nowMs = this.#clock.monotonic();
    // What is wrong is told once.
    this.#said = said.filter(({ atMs }) => atMs > nowMs - 60_000).slice(-20);
    for (const { message, fields, atMs } of said) {
      const key = `${message} ${fields["container"] ?? ""}`;
      const beforeMs = last.get(key) ?? -Infinity;
      assert(
        atMs - beforeMs >= 60_000,
        `${key}: said again after ${atMs - beforeMs} ms`,
      );
      last.set(key, atMs);
    }
  }
}
