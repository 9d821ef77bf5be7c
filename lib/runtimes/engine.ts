import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";

/** Runtimes with a socket API. */
export type EngineName = "docker" | "podman" | "containerd";

/** A change of a container, reported by an engine. */
export interface EngineEvent {
  readonly metadata: ContainerMetadata;
  /** Cgroup of the container, if its ID is not unique across runtimes. */
  readonly cgroup?: CgroupName;
  /** The container was removed; its name may be reused. */
  readonly isRemoved: boolean;
  /** The container started: a lookup returns more than the event. */
  readonly isStarted: boolean;
}

/** A runtime's socket API. Each response is limited in time and size. */
export interface Engine {
  readonly runtime: EngineName;
  /** Path of the socket, or the first candidate if there is none. */
  readonly socketPath: string;

  /** Returns whether there is a socket. */
  exists(): Promise<boolean>;

  /**
   * Returns the metadata of a container whose ID is certain; `undefined` if the
   * engine does not have it.
   *
   * @throws {Error} if the query fails
   */
  inspect(origin: ContainerOrigin): Promise<ContainerMetadata | undefined>;

  /**
   * Lists all containers. `onLost` is called for each container whose entry
   * exceeds a limit.
   *
   * @throws {RangeError} if the whole list exceeds a limit
   * @throws {Error} if the engine does not respond
   */
  list(onLost: () => void): Promise<readonly EngineEvent[]>;

  /**
   * Yields changes in batches until the signal aborts. `onLost` is called for
   * each message that cannot be parsed.
   *
   * @throws {Error} if the response is not a stream of events, or the
   *   connection ends
   */
  follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown>;

  /** @throws {Error} if the engine does not respond in time */
  ping(): Promise<void>;

  /** Aborts all pending requests. */
  close(): void;
}
