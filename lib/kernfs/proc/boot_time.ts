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
 * If the boot time changes by more, the clock was set: uptime has a resolution
 * of 10 ms.
 */
const UPTIME_STEP_MS = 20;

/**
 * Converts the kernel log's timestamps to wall time.
 *
 * The earliest boot time is kept: uptime is rounded down, so it is up to 10 ms
 * late. Unlike the log's clock, uptime includes suspends: later timestamps are
 * too early by their length.
 */
export class BootTime {
  #bootMs = Infinity;
  /** The newest record since the clock was set. */
  #last: { readonly usec: number; readonly wallMs: number } | undefined;

  /**
   * Returns milliseconds since the epoch, at most `nowMs`, which must be read
   * together with `uptimeSeconds`. Records keep their order until the clock is
   * set.
   */
  wallMs(usecSinceBoot: number, nowMs: number, uptimeSeconds: number): number {
    const bootMs = nowMs - uptimeSeconds * 1000;
    if (Math.abs(bootMs - this.#bootMs) > UPTIME_STEP_MS) {
      this.#bootMs = bootMs;
      this.#last = undefined;
    }
    this.#bootMs = Math.min(bootMs, this.#bootMs);
    const estimateMs = this.#bootMs + usecSinceBoot / 1000;
    const wallMs = Math.min(nowMs, this.#inOrder(usecSinceBoot, estimateMs));
    if (usecSinceBoot >= (this.#last?.usec ?? 0)) {
      this.#last = { usec: usecSinceBoot, wallMs };
    }
    return wallMs;
  }

  /**
   * After a lower estimate of the boot time, times advance at half speed until
   * they match it.
   */
  #inOrder(usecSinceBoot: number, estimateMs: number): number {
    const last = this.#last;
    if (last === undefined) return estimateMs;
    const sinceLastMs = (usecSinceBoot - last.usec) / 1000;
    return sinceLastMs < 0
      ? Math.min(estimateMs, last.wallMs)
      : Math.max(estimateMs, last.wallMs + sinceLastMs / 2);
  }
}
