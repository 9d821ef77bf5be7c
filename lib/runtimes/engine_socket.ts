/** Options. */
export interface EngineSocketOptions {
  /** Candidates, likeliest first. */
  readonly paths: () => readonly string[] | Promise<readonly string[]>;
  /** Milliseconds. @default 2000 */
  readonly timeoutMs?: number;
  /** Without upgrade, as for gRPC. */
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

  /** Selected by {@linkcode EngineSocket.exists}; the first candidate if none exists. */
  get path(): string {
    return this.#path;
  }

  /** Selects the first candidate that exists. */
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

  /** The caller limits time and size. */
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
   * Passes the response to `take`.
   *
   * @throws {Error} after the timeout
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
      // A read body is already closed.
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

  /** Aborts pending requests; the next one reconnects. */
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
