/** What a {@linkcode FakeEngine} answers a path with. */
export type EngineResponse = (request: Request) => Response | Promise<Response>;

/** A real unix socket with a server behind it that behaves as it is told, badly too. */
export class FakeEngine implements AsyncDisposable {
  readonly socketPath: string;
  /** Answers by path without the query; what has none is 404. */
  readonly responses = new Map<string, EngineResponse>();
  readonly asked: string[] = [];
  readonly #events = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #server: Deno.HttpServer | undefined;

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Makes one that has no containers and tells nothing, and starts it. */
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

  /** How many follow its events. */
  get followers(): number {
    return this.#events.size;
  }

  /** Listens, again after it was killed. */
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

  /** Tells those who follow its events a line, or whatever text. */
  tell(text: string | object): void {
    const line = typeof text === "string" ? text : `${JSON.stringify(text)}\n`;
    for (const controller of this.#events) {
      controller.enqueue(new TextEncoder().encode(line));
    }
  }

  /** Tells of an action of a container, in Docker's form. */
  act(action: string, id: string, attributes: object = {}): void {
    this.tell({
      Type: "container",
      Action: action,
      Actor: { ID: id, Attributes: attributes },
    });
  }

  /** Ends at once, and leaves no socket. */
  async kill(): Promise<void> {
    for (const controller of this.#events) controller.close();
    this.#events.clear();
    await this.#server?.shutdown();
    this.#server = undefined;
    try {
      Deno.removeSync(this.socketPath);
    } catch {
      // Deno took it away.
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
          // Some bytes at once, so that the answer's head is sent.
          controller.enqueue(new TextEncoder().encode("\n"));
        },
        cancel: () => {
          this.#events.delete(mine);
        },
      }),
    );
  }
}
