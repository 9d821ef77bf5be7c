const END = "\r\n\r\n";
const LAST_CHUNK = `\r\n0${END}`;
const decoder = new TextDecoder();

/**
 * Sends requests on one connection and discards responses: `fetch()` alone
 * takes some milliseconds.
 */
export class LeanClient implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(512 * 1024);

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(url: string): Promise<LeanClient> {
    const { hostname, port } = new URL(url);
    return new LeanClient(
      await Deno.connect({ hostname, port: Number(port) }),
    );
  }

  /** Returns a response's bytes. @throws {Error} if its status is not 200 */
  async get(path: string): Promise<number> {
    const request = `GET ${path} HTTP/1.1\r\nhost: localhost${END}`;
    await this.#connection.write(new TextEncoder().encode(request));
    let total = await this.#read();
    const text = decoder.decode(this.#buffer.subarray(0, total));
    if (!text.startsWith("HTTP/1.1 200 ") || !text.includes(END)) {
      throw new Error(`GET ${path}: ${text.slice(0, 100)}`);
    }
    const [, length] = /^content-length: (\d+)/im.exec(text) ?? [];
    if (length !== undefined) {
      const whole = text.indexOf(END) + END.length + Number(length);
      while (total < whole) total += await this.#read();
      return total;
    }
    let end = text.slice(-LAST_CHUNK.length);
    while (end !== LAST_CHUNK) {
      const read = await this.#read();
      total += read;
      const from = Math.max(0, read - LAST_CHUNK.length);
      end += decoder.decode(this.#buffer.subarray(from, read));
      end = end.slice(-LAST_CHUNK.length);
    }
    return total;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #read(): Promise<number> {
    const read = await this.#connection.read(this.#buffer);
    if (read === null) throw new Error("The agent closed the connection");
    return read;
  }
}
