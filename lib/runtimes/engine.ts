import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";

/** Who can be asked over a socket. */
export type EngineName = "docker" | "podman" | "containerd";

/** What an engine told of a container as it happened. */
export interface EngineEvent {
  readonly facts: ContainerMetadata;
  /** Which cgroup is meant, where the id is one that others may have too. */
  readonly cgroup?: CgroupName;
  /** The container is no more, and its name free. */
  readonly isRemoved: boolean;
  /** More can be asked for than the event tells. */
  readonly isStarted: boolean;
}

/** A runtime that answers on a socket. Each answer is bounded in time and size. */
export interface Engine {
  readonly runtime: EngineName;
  /** Where it is looked for. */
  readonly socketPath: string;

  /** Whether there is a socket at all. */
  exists(): Promise<boolean>;

  /** What it has of one container whose id is certain; undefined where it has none. @throws {Error} */
  inspect(origin: ContainerOrigin): Promise<ContainerMetadata | undefined>;

  /**
   * All containers that it has. `onLost` is called for each of which there is
   * more to say than can be taken.
   *
   * @throws {RangeError} where that is so of all of them
   * @throws {Error} where it does not answer
   */
  list(onLost: () => void): Promise<readonly EngineEvent[]>;

  /**
   * What happens, in batches, until the signal aborts. `onLost` is called for
   * each message that cannot be read.
   *
   * @throws {Error} where it answers anything else, or the connection ends
   */
  follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown>;

  /** @throws {Error} where it does not answer in time */
  ping(): Promise<void>;

  /** Ends all that is under way. */
  close(): void;
}
