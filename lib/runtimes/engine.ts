import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";

/** Runtimes with a socket API. */
export type EngineName = "docker" | "podman" | "containerd";

/** A listed container, or a container's change. */
export interface EngineEvent {
  readonly metadata: ContainerMetadata;
  /** Present if the ID is not unique across runtimes. */
  readonly cgroup?: CgroupName;
  /** If true, the name may be reused. */
  readonly isRemoved: boolean;
  /** If true, a lookup returns more metadata. */
  readonly isStarted: boolean;
}

/** A runtime's socket API, with limits on each response's time and size. */
export interface Engine {
  readonly runtime: EngineName;
  /** The one in use; the first candidate if none exists. */
  readonly socketPath: string;

  exists(): Promise<boolean>;

  /**
   * Returns `undefined` for an unknown container.
   *
   * @throws {Error} if the query fails
   */
  inspect(origin: ContainerOrigin): Promise<ContainerMetadata | undefined>;

  /**
   * Lists all containers. `onLost` is called for each entry above a limit.
   *
   * @throws {RangeError} if the list exceeds a limit
   * @throws {Error} if the engine does not respond
   */
  list(onLost: () => void): Promise<readonly EngineEvent[]>;

  /**
   * Yields batches of changes until aborted. `onLost` is called for each
   * invalid message.
   *
   * @throws {Error} if the connection fails
   */
  follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown>;

  /** @throws {Error} without a response in time */
  ping(): Promise<void>;

  /** Aborts pending requests. */
  close(): void;
}
