import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";

/** So long after a loss the state tells of it. */
const LOSS_SHOWN_MS = 60_000;

/** A FIFO without a writer ends a read at once; a read that lasts longer has one. */
const WRITER_SHOWN_MS = 100;

/** How the reading of a kernel log fares: what is wrong with it, and what was lost. */
export class KmsgHealth {
  readonly #clock: Clock;
  #problem: string | undefined = "Not opened yet";
  /** When the read that waits now began, if the one before found no writer; `Infinity` between the two. */
  #writerlessSinceMs: number | undefined;
  #lost = 0;
  #lostAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records that could not be read. */
  get lost(): number {
    return this.#lost;
  }

  /** Whether it is open, with something that may write to it. */
  get isReading(): boolean {
    return this.#problem === undefined && this.#writerProblem() === undefined;
  }

  /** All of this as the state of a source. */
  get state(): SourceState {
    const detail = this.#problem ?? this.#writerProblem() ?? this.#lossDetail();
    const state = detail === undefined ? "ok" : "degraded";
    return { name: "kmsg", state, detail: detail ?? "" };
  }

  /** The log is open. */
  open(): void {
    this.#problem = undefined;
    this.#writerlessSinceMs = undefined;
  }

  /** The log is not open, and why; returns whether that is news. */
  fail(problem: string): boolean {
    const isNews = problem !== this.#problem;
    this.#problem = problem;
    return isNews;
  }

  /** Records were lost. */
  lose(count: number): void {
    this.#lost += count;
    this.#lostAtMs = this.#clock.monotonic();
  }

  /** A FIFO has no writer. */
  loseWriter(): void {
    this.#writerlessSinceMs = Infinity;
  }

  /** Another read begins after one that may have found no writer. */
  tryAgain(): void {
    if (this.#writerlessSinceMs === undefined) return;
    this.#writerlessSinceMs = this.#clock.monotonic();
  }

  /** Records came. */
  receive(): void {
    this.#writerlessSinceMs = undefined;
  }

  #writerProblem(): string | undefined {
    if (this.#writerlessSinceMs === undefined) return undefined;
    const waitedMs = this.#clock.monotonic() - this.#writerlessSinceMs;
    return waitedMs > WRITER_SHOWN_MS
      ? undefined
      : "The kernel log ended: its writer is gone";
  }

  #lossDetail(): string | undefined {
    const recent = this.#clock.monotonic() - this.#lostAtMs < LOSS_SHOWN_MS;
    return recent
      ? `Records were lost before they could be read, ${this.#lost} in all`
      : undefined;
  }
}
