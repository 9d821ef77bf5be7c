import { KernfsSyntaxError } from "../../model/errors.ts";

const UPTIME_REGEXP = /^(\d+(?:\.\d+)?)(?:\s|$)/;

/**
 * Parses `/proc/uptime`: seconds since boot, then the idle time of all CPUs.
 *
 * ```
 * 1760.24 3391.07
 * ```
 *
 * @throws {KernfsSyntaxError} When the text does not begin with a number.
 */
export function parseUptime(text: string, path = "uptime"): number {
  const seconds = UPTIME_REGEXP.exec(text)?.[1];
  if (seconds === undefined) {
    throw new KernfsSyntaxError(path, `"${text.trim()}" is not "seconds idle"`);
  }
  return Number(seconds);
}

/** Uptime goes in steps of 10 ms: a boot that comes out later by more is a clock that was set. */
const UPTIME_STEP_MS = 20;

/**
 * Turns the kernel log's times into wall time.
 *
 * Uptime is rounded down to 10 ms, which makes the boot come out too late by
 * as much: the earliest that was found is kept, so that records that come
 * together stay in order. Uptime counts the time that the machine was
 * suspended and the log's clock does not: records written after a suspend
 * come out too early by its length.
 */
export class BootTime {
  #bootMs = Infinity;

  /**
   * When a record was written, milliseconds since the epoch; never later than
   * `nowMs`. `nowMs` and `uptimeSeconds` are to be read together.
   */
  wallMs(usecSinceBoot: number, nowMs: number, uptimeSeconds: number): number {
    const bootMs = nowMs - uptimeSeconds * 1000;
    const isSet = bootMs > this.#bootMs + UPTIME_STEP_MS;
    this.#bootMs = isSet ? bootMs : Math.min(bootMs, this.#bootMs);
    return Math.min(nowMs, this.#bootMs + usecSinceBoot / 1000);
  }
}
