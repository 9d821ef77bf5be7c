import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";

/** Time for which the state reports a loss. */
const LOSS_SHOWN_MS = 60_000;

/** A FIFO has a writer if a read lasts longer; otherwise the read ends immediately. */
const WRITER_SHOWN_MS = 100;

/** State of reading a kernel log. */
export class KmsgHealth {
  readonly #clock: Clock;
  #problem: string | undefined = "Not opened yet";
  /** Start of the waiting read if the previous one found no writer; `Infinity` between the two. */
  #writerlessSinceMs: number | undefined;
  #lost = 0;
  #lostAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Whether the log is open and may have a writer. */
  get isReading(): boolean {
    return this.#problem === undefined && this.#writerProblem() === undefined;
  }

  get state(): SourceState {
    const detail = this.#problem ?? this.#writerProblem() ?? this.#lossDetail();
    const state = detail === undefined ? "ok" : "degraded";
    return { name: "kmsg", state, detail: detail ?? "" };
  }

  open(): void {
    this.#problem = undefined;
    this.#writerlessSinceMs = undefined;
  }

  /** Returns whether the problem is new. */
  fail(problem: string): boolean {
    const isChanged = problem !== this.#problem;
    this.#problem = problem;
    return isChanged;
  }

  lose(count: number): void {
    this.#lost += count;
    this.#lostAtMs = this.#clock.monotonic();
  }

  /** The FIFO has no writer. */
  loseWriter(): void {
    this.#writerlessSinceMs = Infinity;
  }

  /** Call it at the start of the next read. */
  tryAgain(): void {
    if (this.#writerlessSinceMs === undefined) return;
    this.#writerlessSinceMs = this.#clock.monotonic();
  }

  receive(): void {
    this.#writerlessSinceMs = undefined;
  }

  #writerProblem(): string | undefined {
    if (this.#writerlessSinceMs === undefined) return undefined;
    const waitedMs = this.#clock.monotonic() - this.#writerlessSinceMs;
    return waitedMs > WRITER_SHOWN_MS
      ? undefined
      : "The kernel log ended: the writer closed it";
  }

  #lossDetail(): string | undefined {
    const recent = this.#clock.monotonic() - this.#lostAtMs < LOSS_SHOWN_MS;
    return recent
      ? `Records lost before they were read: ${this.#lost}`
      : undefined;
  }
}
