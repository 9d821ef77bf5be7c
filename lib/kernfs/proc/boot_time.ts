import { KernfsSyntaxError } from "../../model/errors.ts";

const UPTIME_REGEXP = /^(\d+(?:\.\d+)?)(?:\s|$)/;

/**
 * Parses `/proc/uptime`: seconds since boot, then the idle time of all CPUs.
 *
 * ```
 * 1760.24 3391.07
 * ```
 *
 * @throws {KernfsSyntaxError} if the text does not start with a number
 */
export function parseUptime(text: string, path = "uptime"): number {
  const seconds = UPTIME_REGEXP.exec(text)?.[1];
  if (seconds === undefined) {
    throw new KernfsSyntaxError(
      path,
      `unexpected "${text.trim()}", expected "seconds idle"`,
    );
  }
  return Number(seconds);
}

/**
 * Uptime has a resolution of 10 ms: if the boot time increases by more than
 * this, the clock was set.
 */
const UPTIME_STEP_MS = 20;

/**
 * Converts the kernel log's timestamps to wall time.
 *
 * Uptime is rounded down to 10 ms, so the computed boot time is up to 10 ms
 * late. The earliest value is kept, which keeps records in order. Uptime
 * includes suspends and the log's clock does not: after a suspend, timestamps
 * are too early by its length.
 */
export class BootTime {
  #bootMs = Infinity;

  /**
   * Returns milliseconds since the epoch, at most `nowMs`. `nowMs` and
   * `uptimeSeconds` must be read together.
   */
  wallMs(usecSinceBoot: number, nowMs: number, uptimeSeconds: number): number {
    const bootMs = nowMs - uptimeSeconds * 1000;
    const isSet = bootMs > this.#bootMs + UPTIME_STEP_MS;
    this.#bootMs = isSet ? bootMs : Math.min(bootMs, this.#bootMs);
    return Math.min(nowMs, this.#bootMs + usecSinceBoot / 1000);
  }
}
