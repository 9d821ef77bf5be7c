/** Options of {@linkcode EngineSocket}. */
export interface EngineSocketOptions {
  /** Candidate paths of the socket, the likeliest first. */
  readonly paths: () => readonly string[] | Promise<readonly string[]>;
  /** Response timeout in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
  /** Whether the server requires HTTP/2 without upgrade, as gRPC does. */
  readonly isHttp2?: boolean;
}

/** HTTP over a unix socket. */
export class EngineSocket {
  readonly #options: EngineSocketOptions;
  readonly #timeoutMs: number;
  #path = "";
  #client: Deno.HttpClient | undefined;

  constructor(options: EngineSocketOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 2_000;
  }

  /** Path of the socket, or the first candidate if there is none. */
  get path(): string {
    return this.#path;
  }

  /** Returns whether there is a socket, and selects the first that exists. */
  async exists(): Promise<boolean> {
    const paths = await this.#options.paths();
    for (const path of paths) {
      if (!await isSocket(path)) continue;
      this.#use(path);
      return true;
    }
    this.#use(paths[0] ?? "");
    return false;
  }

  /** Sends a request; the caller limits its time and size. */
  async fetch(
    path: string,
    init: RequestInit & { signal: AbortSignal },
  ): Promise<Response> {
    if (this.#path === "") await this.exists();
    const { isHttp2 = false } = this.#options;
    this.#client ??= Deno.createHttpClient({
      proxy: { transport: "unix", path: this.#path },
      http1: !isHttp2,
      http2: isHttp2,
    });
    return await fetch(`http://engine${path}`, {
      client: this.#client,
      redirect: "error",
      ...init,
    });
  }

  /**
   * Returns the result of `take` for a response.
   *
   * @throws {Error} if the response takes longer than the timeout
   */
  async withTimeout<T>(
    path: string,
    init: RequestInit,
    take: (response: Response) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.fetch(path, { ...init, signal });
      const taken = await take(response);
      // A body that was read is already closed.
      if (!response.bodyUsed) await response.body?.cancel();
      return taken;
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new Error(
        `Cannot read the response of "${path}": timed out after ${this.#timeoutMs} ms`,
        { cause: error },
      );
    }
  }

  /** Aborts all pending requests; the next request opens a new connection. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #use(path: string): void {
    if (path === this.#path) return;
    this.close();
    this.#path = path;
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isSocket ?? false;
  } catch {
    return false;
  }
}
