import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { messageOf } from "../model/errors.ts";
import {
  formatListenAddress,
  parseListenAddress,
} from "../model/listen_address.ts";

/** Asks a running agent. */
export class AgentClient {
  readonly #server: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #client: Deno.HttpClient;

  private constructor(server: string, url: string, options: {
    readonly token: string | undefined;
    readonly client: Deno.HttpClient;
  }) {
    this.#server = server;
    this.#url = url;
    this.#client = options.client;
    this.#headers = options.token === undefined
      ? {}
      : { authorization: `Bearer ${options.token}` };
  }

  /**
   * The agent that `--server` names, with the token of `--token-file` or
   * `CGWATCH_TOKEN`.
   *
   * @throws {UsageError} for an address or a file that cannot be
   */
  static create(
    values: FlagValues,
    env: (name: string) => string | undefined,
  ): AgentClient {
    const server = values.text("server");
    const ca = readFlagFile(values, "tls-ca");
    const tokens = readFlagFile(values, "token-file");
    const token = (tokens ?? env("CGWATCH_TOKEN"))?.split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "" && !line.startsWith("#"));
    const { url, socket } = parseServer(server);
    return new AgentClient(server, url, {
      token,
      client: Deno.createHttpClient({
        ...(ca === undefined ? {} : { caCerts: [ca] }),
        ...(socket === undefined
          ? {}
          : { proxy: { transport: "unix" as const, path: socket } }),
      }),
    });
  }

  /** Which agent it is, as `--server` says. */
  get server(): string {
    return this.#server;
  }

  /**
   * The text at a path, which is JSON; asked by POST where there is a body.
   *
   * @throws {Error} saying what the agent answered, or that there is none
   */
  async text(path: string, body?: unknown): Promise<string> {
    const response = await this.#ask(
      path,
      body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
    );
    return await response.text();
  }

  /** The lines of a stream, also empty ones, until it ends or the signal aborts. */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const { body } = await this.#ask(path, { signal });
    if (body === null) return;
    let rest = "";
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#url + path, {
        ...init,
        headers: this.#headers,
        client: this.#client,
      });
    } catch (error) {
      throw new AgentUnreachableError(
        `Cannot reach the agent at "${this.#server}": ${reasonOf(error)}`,
        { cause: error },
      );
    }
    if (response.ok) return response;
    const text = await response.text();
    throw new AgentAnswerError(response.status, errorOf(text));
  }
}

/** There is no agent, or it went. */
export class AgentUnreachableError extends Error {
  /** Names the class. */
  override readonly name = "AgentUnreachableError";
}

/** The agent answered that it cannot. */
export class AgentAnswerError extends Error {
  /** Names the class. */
  override readonly name = "AgentAnswerError";
  /** Of the answer. */
  readonly status: number;

  /** Makes an error of the agent's own words. */
  constructor(status: number, message: string) {
    super(`The agent says: ${message}`);
    this.status = status;
  }
}

/** A container's name as a part of a path. */
export function namePath(name = "/"): string {
  const cleaned = name.startsWith("/") ? name : `/${name}`;
  return cleaned.split("/").map(encodeURIComponent).join("/");
}

function parseServer(server: string): { url: string; socket?: string } {
  const [, scheme = "http", rest = server] =
    /^(https?):\/\/([^/]+)\/?$/.exec(server) ?? [];
  try {
    const address = parseListenAddress(rest);
    return address.type === "unix"
      ? { url: "http://localhost", socket: address.path }
      : { url: formatListenAddress(address, scheme) };
  } catch (error) {
    throw new UsageError(`--server: ${messageOf(error)}`, { cause: error });
  }
}

function readFlagFile(
  values: FlagValues,
  name: "token-file" | "tls-ca",
): string | undefined {
  const path = values.optional(name);
  if (path === undefined) return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError(
      `--${name}: Cannot read "${path}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Of what a failed fetch says, which names its parts one in another, the innermost. */
function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) {
    inner = inner.cause;
  }
  return messageOf(inner).split(": ").slice(-2).join(": ");
}

function errorOf(text: string): string {
  try {
    return String(JSON.parse(text).error);
  } catch {
    return text.slice(0, 200);
  }
}
