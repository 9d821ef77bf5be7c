import { type CgroupName, isDescendant } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { EventManager } from "../events/event_manager.ts";

/** Dependencies. */
export interface DeletionsOptions {
  readonly clock: Clock;
  readonly events: Pick<EventManager, "addEvent">;
}

/** cAdvisor's value for an unknown exit code. */
const UNKNOWN_EXIT_CODE = -1;

/**
 * Docker reports an exit about 30 ms after the cgroup is removed (20.10); later
 * ones become updates.
 */
const WAIT_MS = 250;

interface Deletion {
  readonly name: CgroupName;
  readonly timestampMs: number;
  readonly cancel: () => void;
  /** Set once the event no longer waits. */
  exitCode?: number;
}

/**
 * Emits an event for each removed container. If its runtime reports exits, the
 * event waits for the exit code, and the events of its ancestors wait for it.
 */
export class Deletions {
  readonly #options: DeletionsOptions;
  /** In order of removal. */
  #waiting: Deletion[] = [];

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /** @param reportsExit whether an unknown exit code may be reported soon */
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

  awaits(name: CgroupName): boolean {
    return this.#waiting.some((deletion) =>
      deletion.name === name && deletion.exitCode === undefined
    );
  }

  /** Ends the wait for a container's exit code. */
  end(name: CgroupName, exitCode: number = UNKNOWN_EXIT_CODE): void {
    for (const deletion of this.#waiting) {
      if (deletion.name !== name || deletion.exitCode !== undefined) continue;
      deletion.cancel();
      deletion.exitCode = exitCode;
    }
    this.#release();
  }

  /**
   * Ends the waits at and below a name: another container now has it, and its
   * creation event follows theirs.
   */
  flush(name: CgroupName): void {
    for (const deletion of [...this.#waiting]) {
      if (deletion.name === name || isDescendant(deletion.name, name)) {
        this.end(deletion.name);
      }
    }
  }

  stop(): void {
    for (const { name } of [...this.#waiting]) this.end(name);
  }

  /** Emits events that wait neither for an exit code nor for a descendant. */
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
