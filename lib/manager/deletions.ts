import { type CgroupName, isDescendant } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { EventManager } from "../events/event_manager.ts";

/** What {@linkcode Deletions} stand on. */
export interface DeletionsOptions {
  readonly clock: Clock;
  readonly events: Pick<EventManager, "addEvent">;
}

/** cAdvisor's word for an exit code that nobody reported. */
const UNKNOWN_EXIT_CODE = -1;

/** Docker reports an exit some 30 ms after the cgroup went (20.10); what takes longer becomes an update. */
const WAIT_MS = 250;

interface Deletion {
  readonly name: CgroupName;
  /** When the cgroup went. */
  readonly timestampMs: number;
  readonly cancel: () => void;
  /** Set once the event need not wait any more. */
  exitCode?: number;
}

/**
 * Adds an event for each container that went. One whose runtime reports exits
 * waits for the code, while the events of other containers go on; those of the
 * containers around it do not come before it.
 */
export class Deletions {
  readonly #options: DeletionsOptions;
  /** In the order in which they went. */
  #waiting: Deletion[] = [];

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /** A container went; `reportsExit` where its exit code is not known yet, and soon may be. */
  add(
    name: CgroupName,
    exitCode: number | undefined,
    reportsExit: boolean,
  ): void {
    const { clock } = this.#options;
    const mayWait = exitCode === undefined && reportsExit;
    const code = exitCode ?? UNKNOWN_EXIT_CODE;
    this.#waiting.push({
      name,
      timestampMs: clock.now(),
      cancel: mayWait
        ? clock.schedule(WAIT_MS, () => this.end(name))
        : () => {},
      ...(!mayWait && { exitCode: code }),
    });
    this.#release();
  }

  /** Whether the event of a container waits for its exit code. */
  awaits(name: CgroupName): boolean {
    return this.#waiting.some((deletion) =>
      deletion.name === name && deletion.exitCode === undefined
    );
  }

  /** The event of a container waits no more: its exit code is known, or will not be. */
  end(name: CgroupName, exitCode: number = UNKNOWN_EXIT_CODE): void {
    for (const deletion of this.#waiting) {
      if (deletion.name !== name || deletion.exitCode !== undefined) continue;
      deletion.cancel();
      deletion.exitCode = exitCode;
    }
    this.#release();
  }

  /** Another container has a name now: whatever went at that name, or below it, went before. */
  flush(name: CgroupName): void {
    for (const deletion of [...this.#waiting]) {
      if (deletion.name === name || isDescendant(deletion.name, name)) {
        this.end(deletion.name);
      }
    }
  }

  /** Nothing waits any more. */
  stop(): void {
    for (const { name } of [...this.#waiting]) this.end(name);
  }

  /** Adds the events that wait neither for a code nor for one below them. */
  #release(): void {
    const kept: Deletion[] = [];
    for (const deletion of this.#waiting) {
      const { name, timestampMs, exitCode } = deletion;
      const isHeld = exitCode === undefined ||
        kept.some((other) => isDescendant(other.name, name));
      if (isHeld) {
        kept.push(deletion);
        continue;
      }
      this.#options.events.addEvent({
        timestampMs,
        type: "containerDeletion",
        containerName: name,
        data: { "container_deletion": { "exit_code": exitCode } },
      });
    }
    this.#waiting = kept;
  }
}
