import { assert } from "@std/assert";
import type { Clock } from "../../lib/model/clock.ts";
import type { LogFields, Logger } from "../../lib/model/logger.ts";

interface Said {
  readonly atMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** What the agent said to its operator, and when. */
export class Diagnostics implements Logger {
  readonly #clock: Clock;
  readonly #said: Said[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  debug(): void {}

  info(message: string, fields: LogFields = {}): void {
    this.#said.push({ atMs: this.#clock.monotonic(), message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.info(message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.info(message, fields);
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
    for (const { message, fields, atMs } of this.#said) {
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
