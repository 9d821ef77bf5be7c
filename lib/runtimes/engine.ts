import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";

/** Runtimes whose socket API is used. */
export type EngineName = "docker" | "podman" | "containerd";

/** A container of a list, or a change of one. */
export interface EngineEvent {
  readonly metadata: ContainerMetadata;
  /** Cgroup of the container; present if its ID is not unique across runtimes. */
  readonly cgroup?: CgroupName;
  /** Whether the container was removed; its name may then be reused. */
  readonly isRemoved: boolean;
  /** Whether the container was started; a lookup then returns more metadata than this event. */
  readonly isStarted: boolean;
}

/** A runtime's socket API. Each response is limited in time and size. */
export interface Engine {
  readonly runtime: EngineName;
  /** The socket in use; the first candidate if none exists. */
  readonly socketPath: string;

  /** Returns whether the engine has a socket. */
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
