import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";

/** Runtimes with a socket API. */
export type EngineName = "docker" | "podman" | "containerd";

/** A change of a container. */
export interface EngineEvent {
  readonly metadata: ContainerMetadata;
  /** Present if the ID is not unique across runtimes. */
  readonly cgroup?: CgroupName;
  /** The name may be reused. */
  readonly isRemoved: boolean;
  /** A lookup returns more than the event. */
  readonly isStarted: boolean;
}

/** A runtime's socket API. Each response is limited in time and size. */
export interface Engine {
  readonly runtime: EngineName;
  /** The first candidate if there is no socket. */
  readonly socketPath: string;

  exists(): Promise<boolean>;

  /**
   * Returns `undefined` if the engine does not have the container.
   *
   * @throws {Error} if the query fails
   */
  inspect(origin: ContainerOrigin): Promise<ContainerMetadata | undefined>;

  /**
   * Lists all containers. `onLost` is called for each entry that exceeds a
   * limit.
   *
   * @throws {RangeError} if the whole list exceeds a limit
   * @throws {Error} if the engine does not respond
   */
  list(onLost: () => void): Promise<readonly EngineEvent[]>;

  /**
   * Yields changes in batches until the signal aborts. `onLost` is called for
   * each invalid message.
   *
   * @throws {Error} if the connection fails
   */
  follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown>;

  /** @throws {Error} if the engine does not respond in time */
  ping(): Promise<void>;

  /** Aborts pending requests. */
  close(): void;
}
