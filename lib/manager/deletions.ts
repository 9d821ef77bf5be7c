import { type CgroupName, isDescendant } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { EventManager } from "../events/event_manager.ts";

/** Dependencies of {@linkcode Deletions}. */
export interface DeletionsOptions {
  readonly clock: Clock;
  readonly events: Pick<EventManager, "addEvent">;
}

/** cAdvisor's value for an exit code that was not reported. */
const UNKNOWN_EXIT_CODE = -1;

/** Docker reports an exit about 30 ms after the cgroup is removed (20.10); later reports become updates. */
const WAIT_MS = 250;

interface Deletion {
  readonly name: CgroupName;
  readonly timestampMs: number;
  readonly cancel: () => void;
  /** Set once the event does not wait any more. */
  exitCode?: number;
}

/**
 * Emits an event for each removed container. The event of a container whose
 * runtime reports exits waits for the exit code. Events of other containers do
 * not wait, but those of its ancestors are emitted after it.
 */
export class Deletions {
  readonly #options: DeletionsOptions;
  /** Pending deletion events, in order of removal. */
  #waiting: Deletion[] = [];

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /** Adds a removed container; `reportsExit` if its exit code is unknown and may be reported soon. */
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

  /** Ends the wait of a container's event for its exit code. */
  end(name: CgroupName, exitCode: number = UNKNOWN_EXIT_CODE): void {
    for (const deletion of this.#waiting) {
      if (deletion.name !== name || deletion.exitCode !== undefined) continue;
      deletion.cancel();
      deletion.exitCode = exitCode;
    }
    this.#release();
  }

  /**
   * Ends the waits at a name and below it: another container now has that name,
   * and its creation event follows theirs.
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

  /** Emits the events that wait neither for an exit code nor for a descendant. */
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
