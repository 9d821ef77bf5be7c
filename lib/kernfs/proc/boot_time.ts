import { KernfsSyntaxError } from "../../model/errors.ts";

const UPTIME_REGEXP = /^(\d+(?:\.\d+)?)(?:\s|$)/;

/**
 * Parses `/proc/uptime`: seconds since boot, then idle time.
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
 * If the boot time increases by more, the clock was set: uptime has a
 * resolution of 10 ms.
 */
const UPTIME_STEP_MS = 20;

/**
 * Converts the kernel log's timestamps to wall time.
 *
 * The earliest boot time is kept, which keeps records in order: uptime is
 * rounded down, so it is up to 10 ms late. Unlike the log's clock, uptime
 * includes suspends: later timestamps are too early by their length.
 */
export class BootTime {
  #bootMs = Infinity;

  /**
   * Returns milliseconds since the epoch, at most `nowMs`, which must be read
   * together with `uptimeSeconds`.
   */
  wallMs(usecSinceBoot: number, nowMs: number, uptimeSeconds: number): number {
    const bootMs = nowMs - uptimeSeconds * 1000;
    const isSet = bootMs > this.#bootMs + UPTIME_STEP_MS;
    this.#bootMs = isSet ? bootMs : Math.min(bootMs, this.#bootMs);
    return Math.min(nowMs, this.#bootMs + usecSinceBoot / 1000);
  }
}
