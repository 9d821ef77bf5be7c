import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { type ContainerOrigin, isCertainId } from "./cgroup_origin.ts";
import {
  type ContainerdContainer,
  type ContainerdEvent,
  parseContainerdContainer,
  parseContainerdEvent,
  TOPICS,
} from "./containerd_messages.ts";
import type { Engine, EngineEvent } from "./engine.ts";
import type { EngineSocket } from "./engine_socket.ts";
import { GrpcClient } from "./grpc_client.ts";
import type { LabelFilter } from "./label_filter.ts";
import { encodeStringField, ProtoMessage } from "./protobuf.ts";

/** Dependencies. */
export interface ContainerdEngineOptions {
  readonly socket: EngineSocket;
  readonly labels: LabelFilter;
}

const SERVICES = "containerd.services";
const VERSION = `${SERVICES}.version.v1.Version/Version`;
const NAMESPACES = `${SERVICES}.namespaces.v1.Namespaces/List`;
const GET = `${SERVICES}.containers.v1.Containers/Get`;
const LIST = `${SERVICES}.containers.v1.Containers/ListStream`;
const SUBSCRIBE = `${SERVICES}.events.v1.Events/Subscribe`;

/** Docker's namespaces, which its own engine reports. */
const DOCKER_NAMESPACES: ReadonlySet<string> = new Set([
  "moby",
  "plugins.moby",
]);

const NOTHING = new Uint8Array();
const FILTERS = TOPICS.map((topic) =>
  encodeStringField(1, `topic=="${topic}"`)
);

const MAX_CONCURRENT_GETS = 8;

/** A pod's container takes 10 KB. */
const MAX_LIST_BYTES = 32 * 2 ** 20;
/** In all namespaces. */
const MAX_LISTED = 10_000;
const MAX_NAMESPACES = 100;

const MAX_CGROUPS = 20_000;

interface EventDetails {
  readonly event: ContainerdEvent | undefined;
  readonly stored?: ContainerdContainer | undefined;
}

/**
 * containerd's gRPC API. The files lack exit codes, and images and labels of
 * ctr and nerdctl containers.
 */
export class ContainerdEngine implements Engine {
  readonly runtime = "containerd";
  readonly #socket: EngineSocket;
  readonly #labels: LabelFilter;
  readonly #client: GrpcClient;
  /** Keyed by namespace and ID: IDs are not unique. */
  readonly #cgroups = new Map<string, CgroupName>();

  constructor({ socket, labels }: ContainerdEngineOptions) {
    this.#socket = socket;
    this.#labels = labels;
    this.#client = new GrpcClient(socket);
  }

  get socketPath(): string {
    return this.#socket.path;
  }

  exists(): Promise<boolean> {
    return this.#socket.exists();
  }

  async inspect(
    { containerdNamespace: namespace, id }: ContainerOrigin,
  ): Promise<ContainerMetadata | undefined> {
    if (namespace === undefined) return undefined;
    return (await this.#get(namespace, id))?.metadata;
  }

  async list(onLost: () => void): Promise<readonly EngineEvent[]> {
    const events: EngineEvent[] = [];
    for (const namespace of await this.#namespaces()) {
      const take = (message: Uint8Array) => {
        const container = new ProtoMessage(message).message(1);
        const stored = parseContainerdContainer(container, this.#labels);
        if (events.length === MAX_LISTED) {
          throw new RangeError(
            `Cannot read the list of containers: it has more than ${MAX_LISTED} entries`,
          );
        }
        events.push(this.#storedEvent(namespace, stored));
      };
      const call = { method: LIST, message: NOTHING, namespace };
      await this.#client.each(call, take, { maxBytes: MAX_LIST_BYTES, onLost });
    }
    return events;
  }

  async *follow(
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<readonly EngineEvent[], void, unknown> {
    const message = Uint8Array.from(FILTERS.flatMap((filter) => [...filter]));
    const call = { method: SUBSCRIBE, message };
    try {
      for await (
        const messages of this.#client.messages(call, signal, onLost)
      ) {
        for (let i = 0; i < messages.length; i += MAX_CONCURRENT_GETS) {
          const batch = messages.slice(i, i + MAX_CONCURRENT_GETS);
          const details = await Promise.all(
            batch.map((message) => this.#read(message, onLost)),
          );
          // In order: an exit has the cgroup of the earlier start.
          yield details.flatMap((details) => this.#eventsOf(details));
        }
      }
    } finally {
      // A failed connection is not reused.
      this.#socket.close();
    }
  }

  async ping(): Promise<void> {
    await this.#client.unary({ method: VERSION, message: NOTHING });
  }

  close(): void {
    this.#socket.close();
  }

  async #namespaces(): Promise<string[]> {
    const call = { method: NAMESPACES, message: NOTHING };
    const response = await this.#client.unary(call) ?? NOTHING;
    return new ProtoMessage(response).messages(1)
      .map((namespace) => namespace.string(1))
      .filter((name) => !DOCKER_NAMESPACES.has(name))
      .slice(0, MAX_NAMESPACES);
  }

  async #get(
    namespace: string,
    id: string,
  ): Promise<ContainerdContainer | undefined> {
    const message = encodeStringField(1, id);
    const response = await this.#client.unary({
      method: GET,
      message,
      namespace,
    });
    return response === undefined ? undefined : parseContainerdContainer(
      new ProtoMessage(response).message(1),
      this.#labels,
    );
  }

  /** Parses an event, and reads a stored container. */
  async #read(message: Uint8Array, onLost: () => void): Promise<EventDetails> {
    let event: ContainerdEvent | undefined;
    try {
      event = parseContainerdEvent(message);
      if (event?.kind !== "stored" || DOCKER_NAMESPACES.has(event.namespace)) {
        return { event };
      }
      return { event, stored: await this.#get(event.namespace, event.id) };
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof RangeError)) {
        throw error;
      }
      onLost();
      return { event };
    }
  }

  #eventsOf({ event, stored }: EventDetails): EngineEvent[] {
    if (event === undefined || DOCKER_NAMESPACES.has(event.namespace)) {
      return [];
    }
    const { namespace, id, kind, image, pid, exitCode } = event;
    if (stored !== undefined) return [this.#storedEvent(namespace, stored)];
    const key = `${namespace}/${id}`;
    const cgroup = this.#cgroups.get(key);
    if (kind === "deleted") this.#cgroups.delete(key);
    if (cgroup === undefined && !isCertainId(id)) return [];
    return [{
      metadata: {
        runtime: "containerd",
        id,
        ...(image !== undefined && { image }),
        ...(pid !== undefined && { pid }),
        ...(exitCode !== undefined && { exitCode }),
      },
      ...(cgroup !== undefined && { cgroup }),
      isRemoved: kind === "deleted",
      isStarted: kind === "started",
    }];
  }

  #storedEvent(
    namespace: string,
    { metadata, cgroup }: ContainerdContainer,
  ): EngineEvent {
    const event = { metadata, isRemoved: false, isStarted: false };
    if (cgroup === undefined || isCertainId(metadata.id)) return event;
    this.#cgroups.delete(`${namespace}/${metadata.id}`);
    this.#cgroups.set(`${namespace}/${metadata.id}`, cgroup);
    for (const key of this.#cgroups.keys()) {
      if (this.#cgroups.size <= MAX_CGROUPS) break;
      this.#cgroups.delete(key);
    }
    return { ...event, cgroup };
  }
}
