import type { EngineSocket } from "./engine_socket.ts";
import { encodeGrpcMessage, GrpcMessageDecoder } from "./grpc_messages.ts";

const MAX_MESSAGE_BYTES = 2 ** 20;

/** gRPC status code. */
const NOT_FOUND = 5;

/** A method and its request. */
export interface GrpcCall {
  /** `containerd.services.version.v1.Version/Version` */
  readonly method: string;
  readonly message: Uint8Array;
  /** containerd namespace. */
  readonly namespace?: string;
}

/**
 * gRPC over `fetch()`, which hides trailers: the status is known only for calls
 * that fail without a body.
 */
export class GrpcClient {
  readonly #socket: EngineSocket;

  constructor(socket: EngineSocket) {
    this.#socket = socket;
  }

  /**
   * Returns the only message; `undefined` for status `NOT_FOUND`.
   *
   * @throws {RangeError} if the message is too long
   * @throws {Error} if the response is late, empty or another error
   */
  async unary(call: GrpcCall): Promise<Uint8Array | undefined> {
    let response: Uint8Array | undefined;
    const isThere = await this.each(call, (message) => response = message);
    if (!isThere || response !== undefined) return response;
    throw new Error(
      `Cannot read the response of "${call.method}": it is empty`,
    );
  }

  /**
   * Passes each message of a finite response to `take`; returns false for
   * `NOT_FOUND`. With `onLost`, too long messages are skipped.
   *
   * @throws {RangeError} if the response or a message is too long
   * @throws {Error} if the response is late, incomplete or another error
   */
  async each(
    call: GrpcCall,
    take: (message: Uint8Array) => void,
    { maxBytes = MAX_MESSAGE_BYTES, onLost }: {
      readonly maxBytes?: number;
      readonly onLost?: () => void;
    } = {},
  ): Promise<boolean> {
    const { path, init } = requestOf(call);
    return await this.#socket.withTimeout(path, init, async (response) => {
      const body = await bodyOf(response, call);
      if (body === undefined) return false;
      const tooLong = () => {
        throw new RangeError(
          `Cannot read the response of "${call.method}": it exceeds ${maxBytes} bytes`,
        );
      };
      const decoder = new GrpcMessageDecoder(
        MAX_MESSAGE_BYTES,
        onLost ?? tooLong,
      );
      let length = 0;
      for await (const chunk of body) {
        length += chunk.length;
        if (length > maxBytes) tooLong();
        decoder.push(chunk).forEach(take);
      }
      if (decoder.isComplete) return true;
      throw new Error(
        `Cannot read the response of "${call.method}": it is incomplete`,
      );
    });
  }

  /**
   * Yields messages until aborted. `onLost` is called for each one that is too
   * long.
   *
   * @throws {Error} if the connection fails
   */
  async *messages(
    call: GrpcCall,
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<Uint8Array[], void, unknown> {
    const { path, init } = requestOf(call);
    const response = await this.#socket.fetch(path, { ...init, signal });
    const decoder = new GrpcMessageDecoder(MAX_MESSAGE_BYTES, onLost);
    for await (const chunk of await bodyOf(response, call) ?? []) {
      const messages = decoder.push(chunk);
      if (messages.length > 0) yield messages;
    }
    throw new Error(
      `Cannot continue reading "${call.method}": the connection was closed`,
    );
  }
}

function requestOf(
  { method, message, namespace }: GrpcCall,
): { path: string; init: RequestInit } {
  return {
    path: `/${method}`,
    init: {
      method: "POST",
      headers: {
        "content-type": "application/grpc",
        "te": "trailers",
        ...(namespace !== undefined && { "containerd-namespace": namespace }),
      },
      body: encodeGrpcMessage(message),
    },
  };
}

async function bodyOf(
  { body, ok, status, headers }: Response,
  { method }: GrpcCall,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
  const grpcStatus = Number(headers.get("grpc-status") ?? 0);
  if (ok && grpcStatus === 0 && body !== null) return body;
  await body?.cancel();
  if (ok && grpcStatus === NOT_FOUND) return undefined;
  const text = headers.get("grpc-message")?.slice(0, 200);
  throw new Error(
    `Cannot read the response of "${method}": ${
      ok ? `gRPC status ${grpcStatus}` : `status ${status}`
    }${text === undefined ? "" : `: ${text}`}`,
  );
}
