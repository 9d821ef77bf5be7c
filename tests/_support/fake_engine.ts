/** Response to a path of a {@linkcode FakeEngine}. */
export type EngineResponse = (request: Request) => Response | Promise<Response>;

/** An HTTP server on a Unix socket, with configurable and faulty responses. */
export class FakeEngine implements AsyncDisposable {
  readonly socketPath: string;
  /** Responses by path without the query; others are 404. */
  readonly responses = new Map<string, EngineResponse>();
  readonly asked: string[] = [];
  readonly #events = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #server: Deno.HttpServer | undefined;

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Starts a server without containers or events. */
  static start(): FakeEngine {
    const engine = new FakeEngine(
      `${Deno.makeTempDirSync({ dir: "/tmp" })}/engine.sock`,
    );
    engine.responses.set("/_ping", () => new Response("OK"));
    engine.responses.set("/containers/json", () => Response.json([]));
    engine.responses.set("/events", () => engine.#stream());
    engine.listen();
    return engine;
  }

  /** Number of event subscribers. */
  get followers(): number {
    return this.#events.size;
  }

  /** Listens, also again after {@linkcode kill}. */
  listen(): void {
    this.#server = Deno.serve({
      transport: "unix",
      path: this.socketPath,
      onListen: () => {},
    }, (request) => {
      const { pathname } = new URL(request.url);
      this.asked.push(pathname);
      return this.responses.get(pathname)?.(request) ??
        new Response(null, { status: 404 });
    });
  }

  /** Sends a JSON line or raw data to event subscribers. */
  emit(text: string | object): void {
    const line = typeof text === "string" ? text : `${JSON.stringify(text)}\n`;
    for (const controller of this.#events) {
      controller.enqueue(new TextEncoder().encode(line));
    }
  }

  /** Sends an event of a container in Docker's format. */
  act(action: string, id: string, attributes: object = {}): void {
    this.emit({
      Type: "container",
      Action: action,
      Actor: { ID: id, Attributes: attributes },
    });
  }

  /** Stops immediately, and removes the socket. */
  async kill(): Promise<void> {
    for (const controller of this.#events) controller.close();
    this.#events.clear();
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
    const directory = this.socketPath.slice(0, -"/engine.sock".length);
    Deno.removeSync(directory, { recursive: true });
  }

  #stream(): Response {
    let mine: ReadableStreamDefaultController<Uint8Array>;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          mine = controller;
          this.#events.add(controller);
          // Send some bytes, so that the headers are sent.
          controller.enqueue(new TextEncoder().encode("\n"));
        },
        cancel: () => {
          this.#events.delete(mine);
        },
      }),
    );
  }
}
