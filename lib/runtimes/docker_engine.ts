import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import {
  type EngineJsonOptions,
  parseDockerContainer,
  parseDockerList,
  parseEngineEvent,
} from "./docker_json.ts";
import type { Engine, EngineEvent } from "./engine.ts";
import { EngineClient } from "./engine_client.ts";
import type { EngineSocket } from "./engine_socket.ts";
import { asObject, asString } from "./json_values.ts";

/** Dependencies. */
export interface DockerEngineOptions extends EngineJsonOptions {
  readonly socket: EngineSocket;
  /** Response limit in bytes. @default 4 MiB */
  readonly maxBytes?: number;
}

const EVENTS = `/events?filters=${
  encodeURIComponent('{"type":["container"]}')
}`;
const LIST = "/containers/json?all=1";
const PING = "/_ping";
const INFO = "/info";

/** Docker's HTTP API, as also served by Podman. */
export class DockerEngine implements Engine {
  readonly runtime: "docker" | "podman";
  readonly #options: DockerEngineOptions;
  readonly #client: EngineClient;

  constructor(options: DockerEngineOptions) {
    this.runtime = options.runtime;
    this.#options = options;
    this.#client = new EngineClient(options.socket, options.maxBytes);
  }

  get socketPath(): string {
    return this.#options.socket.path;
  }

  exists(): Promise<boolean> {
    return this.#options.socket.exists();
  }

  async inspect(
    { id }: ContainerOrigin,
  ): Promise<ContainerMetadata | undefined> {
    const response = await this.#client.get(`/containers/${id}/json`);
    return response === undefined
      ? undefined
      : parseDockerContainer(response, this.#options);
  }

  async list(): Promise<readonly EngineEvent[]> {
    const list = await this.#client.get(LIST);
    return parseDockerList(list, this.#options).map((metadata) => ({
      metadata,
      isStarted: false,
      isRemoved: false,
    }));
  }

  async *follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown> {
    for await (const lines of this.#client.lines(EVENTS, signal, onLost)) {
      yield lines.flatMap((line) => this.#parse(line, onLost));
    }
  }

  /**
   * Returns a host path.
   *
   * @throws {Error} if Docker does not respond
   */
  async dataRoot(): Promise<string | undefined> {
    const info = asObject(await this.#client.get(INFO));
    const root = asString(info["DockerRootDir"]);
    return root?.startsWith("/") ? root : undefined;
  }

  async ping(): Promise<void> {
    await this.#client.ping(PING);
  }

  close(): void {
    this.#options.socket.close();
  }

  #parse(line: string, onLost: () => void): EngineEvent[] {
    try {
      const event = parseEngineEvent(line, this.#options);
      return event === undefined ? [] : [event];
    } catch {
      onLost();
      return [];
    }
  }
}
