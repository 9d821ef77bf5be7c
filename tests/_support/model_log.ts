import { hasSameCounts, stateAfter } from "../../lib/log/checkpoint.ts";
import type { LogReader } from "../../lib/log/log_tail.ts";
import type { CheckpointData, Event } from "../../lib/model/event.ts";

/** Boot ID of all events. */
export const BOOT = "b1";

const encoder = new TextEncoder();

/** An event log in memory, with rotated parts, newest first. */
export class ModelLog {
  parts: string[] = [];
  /** Parts removed by rotation, oldest first. */
  removed: string[] = [];
  readonly #maxLines: number;
  #state: CheckpointData = { "inferred_units": 0 };
  #seq = 0;

  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  readonly reader: LogReader = {
    size: (path) => Promise.resolve(this.#part(path)?.length),
    read: (path, offset, length) =>
      Promise.resolve(
        encoder.encode((this.#part(path) ?? "").slice(offset, offset + length)),
      ),
  };

  #part(path: string): string | undefined {
    return this.parts[Number(path.split(".")[1] ?? 0)];
  }

  /** Starts a run, which ends a torn line. */
  open(state: CheckpointData, seq: number): void {
    this.#state = state;
    this.#seq = seq;
    if (this.parts[0] && !this.parts[0].endsWith("\n")) this.parts[0] += "\n";
  }

  write(event: Event): void {
    this.#append(JSON.stringify(event));
    this.#state = stateAfter(this.#state, event);
    this.#seq = event.seq;
  }

  /** Tears the last line, as a crash during a write does. */
  tear(event: Event, share: number): void {
    const line = JSON.stringify(event);
    this.parts[0] = (this.parts[0] ?? "") +
      line.slice(0, Math.floor(line.length * share));
  }

  checkpoint(state: CheckpointData, always: boolean): void {
    if (!always && hasSameCounts(state, this.#state)) return;
    this.#state = state;
    this.#append(this.#checkpointLine());
  }

  #append(line: string): void {
    const lines = (this.parts[0] ?? "").split("\n").length - 1;
    if (lines >= this.#maxLines) this.parts.unshift("");
    if (!this.parts[0]) this.parts[0] = `${this.#checkpointLine()}\n`;
    this.parts[0] += `${line}\n`;
  }

  #checkpointLine(): string {
    return JSON.stringify({
      "seq": this.#seq,
      "boot_id": BOOT,
      "event_type": "checkpoint",
      "event_data": { "checkpoint": this.#state },
    });
  }

  events(): Event[] {
    const parts = [...this.removed, ...this.parts.toReversed()];
    return parts.join("").split("\n").flatMap((line) => {
      try {
        return [JSON.parse(line) as Event];
      } catch {
        return [];
      }
    });
  }
}
