import {
  encodeGrpcMessage,
  GrpcMessageDecoder,
} from "../../lib/runtimes/grpc_messages.ts";

/** Response to a method of a {@linkcode FakeContainerd}. */
export type GrpcResponse = (
  message: Uint8Array,
  namespace: string,
) => Response | Promise<Response>;

/** A container of a {@linkcode FakeContainerd}. */
export interface FakeContainer {
  readonly namespace: string;
  readonly id: string;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

/** Encodes field `number` of a message: a number, a string or a message. */
export function proto(
  number: number,
  value: number | string | Uint8Array,
): Uint8Array {
  if (typeof value === "number") {
    return Uint8Array.of(number * 8, ...varint(value));
  }
  const bytes = typeof value === "string"
    ? new TextEncoder().encode(value)
    : value;
  const prefix = [number * 8 + 2, ...varint(bytes.length)];
  const field = new Uint8Array(prefix.length + bytes.length);
  field.set(prefix);
  field.set(bytes, prefix.length);
  return field;
}

/** Concatenates encoded fields. */
export function joined(...fields: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(
    fields.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const field of fields) {
    all.set(field, offset);
    offset += field.length;
  }
  return all;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) {
    bytes.push(value % 128 + 128);
  }
  return [...bytes, value];
}

/** Encodes a container as containerd does. */
export function containerMessage(container: FakeContainer): Uint8Array {
  const { id, image = "", labels = {}, spec = {} } = container;
  return joined(
    proto(1, id),
    ...Object.entries(labels).map(([name, value]) =>
      proto(2, joined(proto(1, name), proto(2, value)))
    ),
    proto(3, image),
    proto(5, joined(proto(1, "oci/spec"), proto(2, JSON.stringify(spec)))),
    proto(8, joined(proto(1, 1_795_416_465), proto(2, 930_207_500))),
  );
}

/** Encodes an event as containerd does. */
export function envelope(
  namespace: string,
  topic: string,
  ...fields: readonly Uint8Array[]
): Uint8Array {
  const any = joined(
    proto(1, "containerd.events"),
    proto(2, joined(...fields)),
  );
  return joined(proto(2, namespace), proto(3, topic), proto(4, any));
}

/** Returns a gRPC response with these messages. */
export function grpcResponse(...messages: readonly Uint8Array[]): Response {
  return new Response(
    joined(...messages.map(encodeGrpcMessage)) as Uint8Array<ArrayBuffer>,
    { headers: { "content-type": "application/grpc" } },
  );
}

/** Returns a gRPC failure in the headers. */
export function grpcFailure(status: number, message: string): Response {
  return new Response(null, {
    headers: { "grpc-status": String(status), "grpc-message": message },
  });
}

const SERVICES = "/containerd.services";

/** A gRPC server on a Unix socket, with configurable and faulty responses. */
export class FakeContainerd implements AsyncDisposable {
  readonly socketPath = `${
    Deno.makeTempDirSync({ dir: "/tmp" })
  }/containerd.sock`;
  readonly containers: FakeContainer[] = [];
  /** Responses by the last part of the method: `Get`. */
  readonly responses = new Map<string, GrpcResponse>();
  readonly #followers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #server: Deno.HttpServer | undefined;

  private constructor() {}

  /** Starts a server without containers or events. */
  static start(): FakeContainerd {
    const engine = new FakeContainerd();
    const { responses, containers } = engine;
    responses.set("Version", () => grpcResponse(proto(1, "1.6.20")));
    responses.set("List", () => {
      const namespaces = new Set(containers.map(({ namespace }) => namespace));
      return grpcResponse(
        joined(
          ...[...namespaces].map((namespace) => proto(1, proto(1, namespace))),
        ),
      );
    });
    responses.set("ListStream", (_, requested) =>
      grpcResponse(
        ...containers.filter(({ namespace }) => namespace === requested)
          .map((container) => proto(1, containerMessage(container))),
      ));
    responses.set("Get", (message, requested) => {
      const requestedId = new TextDecoder().decode(message.subarray(2));
      const found = containers.find(({ namespace, id }) =>
        namespace === requested && id === requestedId
      );
      return found === undefined
        ? grpcFailure(5, "not found")
        : grpcResponse(proto(1, containerMessage(found)));
    });
    responses.set("Subscribe", () => engine.#stream());
    engine.listen();
    return engine;
  }

  /** Number of event subscribers. */
  get followers(): number {
    return this.#followers.size;
  }

  /** Listens, also again after {@linkcode kill}. */
  listen(): void {
    this.#server = Deno.serve({
      transport: "unix",
      path: this.socketPath,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    }, async (request) => {
      const { pathname } = new URL(request.url);
      const method = pathname.split("/").at(-1) ?? "";
      const decoder = new GrpcMessageDecoder(2 ** 20, () => {});
      const [message = new Uint8Array()] = decoder.push(await request.bytes());
      const namespace = request.headers.get("containerd-namespace") ?? "";
      const response = pathname.startsWith(SERVICES)
        ? this.responses.get(method)
        : undefined;
      return response?.(message, namespace) ??
        grpcFailure(12, "unknown method");
    });
  }

  /** Adds a container and sends an event. */
  create(container: FakeContainer): void {
    this.containers.push(container);
    const { namespace, id, image = "" } = container;
    this.emit(namespace, "/containers/create", proto(1, id), proto(2, image));
  }

  /** Sends an event to subscribers. */
  emit(
    namespace: string,
    topic: string,
    ...fields: readonly Uint8Array[]
  ): void {
    this.send(encodeGrpcMessage(envelope(namespace, topic, ...fields)));
  }

  /** Sends raw bytes to subscribers. */
  send(bytes: Uint8Array): void {
    for (const controller of this.#followers) controller.enqueue(bytes);
  }

  /** Stops immediately, and removes the socket. */
  async kill(): Promise<void> {
    for (const controller of this.#followers) controller.close();
    this.#followers.clear();
    await this.#server?.shutdown();
    this.#server = undefined;
    try {
      Deno.removeSync(this.socketPath);
    } catch {
      // Deno has removed it.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    const directory = this.socketPath.slice(0, -"/containerd.sock".length);
    Deno.removeSync(directory, { recursive: true });
  }

  #stream(): Response {
    let mine: ReadableStreamDefaultController<Uint8Array>;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          mine = controller;
          this.#followers.add(controller);
        },
        cancel: () => {
          this.#followers.delete(mine);
        },
      }),
      { headers: { "content-type": "application/grpc" } },
    );
  }
}
