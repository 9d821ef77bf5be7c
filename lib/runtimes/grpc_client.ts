import type { EngineSocket } from "./engine_socket.ts";
import { frameGrpc, GrpcMessageBound } from "./grpc_messages.ts";

/** A longer message is not taken. */
const MAX_MESSAGE_BYTES = 2 ** 20;

/** gRPC's status of what is not there. */
const NOT_FOUND = 5;

/** A method, and what it is asked. */
export interface GrpcCall {
  /** `containerd.services.version.v1.Version/Version` */
  readonly method: string;
  readonly message: Uint8Array;
  /** containerd's namespace. */
  readonly group?: string;
}

/**
 * Asks over gRPC, which is HTTP/2 with messages in the bodies. How a call that
 * has answered something ended is in trailers, which `fetch()` does not show; a
 * call that has failed at once tells it in the head.
 */
export class GrpcClient {
  readonly #socket: EngineSocket;

  constructor(socket: EngineSocket) {
    this.#socket = socket;
  }

  /**
   * The one message that is the answer; undefined where there is no such thing.
   *
   * @throws {RangeError} where it is too long
   * @throws {Error} where it does not come in time, or anything else does
   */
  async ask(call: GrpcCall): Promise<Uint8Array | undefined> {
    let answer: Uint8Array | undefined;
    const isThere = await this.each(call, (message) => answer = message);
    if (!isThere || answer !== undefined) return answer;
    throw new Error(`Cannot take the answer to "${call.method}": it is empty`);
  }

  /**
   * Gives each message of an answer that has an end to `take`; says whether
   * there is such a thing. It throws as {@linkcode GrpcClient.ask} does; where
   * `onLost` is given, one that is too long is passed over instead.
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
    return await this.#socket.inTime(path, init, async (response) => {
      const body = await bodyOf(response, call);
      if (body === undefined) return false;
      const tooLong = () => {
        throw new RangeError(
          `Cannot take the answer to "${call.method}": it is more than ${maxBytes} bytes`,
        );
      };
      const bound = new GrpcMessageBound(MAX_MESSAGE_BYTES, onLost ?? tooLong);
      let length = 0;
      for await (const chunk of body) {
        length += chunk.length;
        if (length > maxBytes) tooLong();
        bound.push(chunk).forEach(take);
      }
      if (bound.isBetween) return true;
      throw new Error(
        `Cannot take the answer to "${call.method}": it ends in the middle`,
      );
    });
  }

  /**
   * The messages of an answer as they come, until the signal aborts. `onLost`
   * is called for each that was too long.
   *
   * @throws {Error} where it answers anything else, or the connection ends
   */
  async *messages(
    call: GrpcCall,
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<Uint8Array[], void, unknown> {
    const { path, init } = requestOf(call);
    const response = await this.#socket.fetch(path, { ...init, signal });
    const bound = new GrpcMessageBound(MAX_MESSAGE_BYTES, onLost);
    for await (const chunk of await bodyOf(response, call) ?? []) {
      const messages = bound.push(chunk);
      if (messages.length > 0) yield messages;
    }
    throw new Error(
      `Cannot read "${call.method}" on: the connection was closed`,
    );
  }
}

function requestOf(
  { method, message, group }: GrpcCall,
): { path: string; init: RequestInit } {
  return {
    path: `/${method}`,
    init: {
      method: "POST",
      headers: {
        "content-type": "application/grpc",
        "te": "trailers",
        ...(group !== undefined && { "containerd-namespace": group }),
      },
      body: frameGrpc(message),
    },
  };
}

/** Undefined where there is no such thing. */
async function bodyOf(
  { body, ok, status, headers }: Response,
  { method }: GrpcCall,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
  const grpcStatus = Number(headers.get("grpc-status") ?? 0);
  if (ok && grpcStatus === 0 && body !== null) return body;
  await body?.cancel();
  if (ok && grpcStatus === NOT_FOUND) return undefined;
  const said = headers.get("grpc-message")?.slice(0, 200);
  throw new Error(
    `Cannot take the answer to "${method}": its status is ${
      ok ? `${grpcStatus} of gRPC` : status
    }${said === undefined ? "" : `: ${said}`}`,
  );
}
