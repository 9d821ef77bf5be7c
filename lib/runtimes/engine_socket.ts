/** How an engine's socket is reached. */
export interface EngineSocketOptions {
  /** Where the socket may be seen, the likeliest first. */
  readonly paths: () => readonly string[] | Promise<readonly string[]>;
  /** An answer is waited for so long. @default 2000 */
  readonly timeoutMs?: number;
  /** It speaks HTTP/2 from the first byte on, as gRPC does, and nothing else. */
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

  /** Where it is, or is looked for first. */
  get path(): string {
    return this.#path;
  }

  /** Whether there is a socket at all. */
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

  /** Asks; who asks bounds it. */
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

  /** What `take` makes of an answer, if that does not take too long. */
  async inTime<T>(
    path: string,
    init: RequestInit,
    take: (response: Response) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.fetch(path, { ...init, signal });
      const taken = await take(response);
      // A body that was read has been cancelled by its reader's end.
      if (!response.bodyUsed) await response.body?.cancel();
      return taken;
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new Error(
        `Cannot take the answer to "${path}": it takes more than ${this.#timeoutMs} ms`,
        { cause: error },
      );
    }
  }

  /** Ends all that is under way; whoever asks then connects anew. */
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
