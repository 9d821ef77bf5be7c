import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { messageOf } from "../model/errors.ts";
import { escapeControlCharacters } from "../model/text.ts";
import {
  formatListenAddress,
  parseListenAddress,
} from "../model/listen_address.ts";

const STATUS_UNAVAILABLE = 503;

/** Slower responses are reported. */
const SLOW_MS = 3000;

/** Sends requests to a running agent. */
export class AgentClient {
  readonly #server: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #client: Deno.HttpClient;
  /** Called once, for example under load. */
  onSlow: (() => void) | undefined;

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
   * Uses `--server`, and the token of `--token-file` or `CGWATCH_TOKEN`.
   *
   * @throws {UsageError} if the address or file is invalid
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

  /** As given in `--server`. */
  get server(): string {
    return this.#server;
  }

  /**
   * Returns JSON; a body makes it a POST.
   *
   * @throws {AgentUnreachableError} if there is no agent
   * @throws {AgentResponseError} if the response is an error or not cgwatch's
   */
  async text(
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<string> {
    const timer = setTimeout(() => this.#slow(), SLOW_MS);
    try {
      return await this.#text(path, body, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #slow(): void {
    this.onSlow?.();
    this.onSlow = undefined;
  }

  async #text(
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const response = await this.#request(path, {
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
    try {
      return await response.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  /** Yields lines, including empty ones, until the stream ends or aborts. */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const { body } = await this.#request(path, { signal });
    if (body === null) return;
    let rest = "";
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#url + path, {
        ...init,
        headers: this.#headers,
        client: this.#client,
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    const type = response.headers.get("content-type") ?? "";
    // An agent that is not ready also returns its sources.
    const isExpected = response.ok ||
      path === "/readyz" && response.status === STATUS_UNAVAILABLE;
    if (isExpected && /^application\/(?:json|x-ndjson)\b/.test(type)) {
      return response;
    }
    throw this.#refusal(response, await response.text().catch(() => ""));
  }

  #unreachable(error: unknown): AgentUnreachableError {
    const { reason, remedy } = causeOf(error, this.#server);
    return new AgentUnreachableError(
      `Cannot reach the agent at "${this.#server}": ${reason}${
        remedy === "" ? "" : `\n  ${remedy}`
      }`,
      { cause: error },
    );
  }

  #refusal(response: Response, text: string): AgentResponseError {
    const { status } = response;
    const message = errorOf(text);
    if (message === undefined) {
      const kind = response.headers.get("content-type") ?? "no content type";
      return new AgentResponseError(
        status,
        `The server at "${this.#server}" is not cgwatch: it responded with status ${status}, ${kind}\n  Name the address of the agent: --server=ADDR`,
      );
    }
    if (status === 404 && message.startsWith("Unknown path")) {
      const address = this.#server.startsWith("unix:")
        ? "http://HOST:PORT"
        : new URL(this.#url).origin;
      return new UnknownPathError(
        status,
        `The agent at "${this.#server}" responded: ${message}\n  The path of --server must be the --url-base-prefix of the agent: --server=${address}/PREFIX`,
      );
    }
    if (status !== 401) {
      return new AgentResponseError(
        status,
        `The agent at "${this.#server}" responded: ${message}`,
      );
    }
    const what = "authorization" in this.#headers
      ? "does not accept this token"
      : "requires a token";
    return new AgentResponseError(
      status,
      `The agent at "${this.#server}" ${what}\n  Pass one of its --auth-token-file: --token-file=FILE or CGWATCH_TOKEN`,
    );
  }
}

/** No agent, or a closed connection. */
export class AgentUnreachableError extends Error {
  override readonly name = "AgentUnreachableError";
}

/** An error from the agent, or from another server. */
export class AgentResponseError extends Error {
  override readonly name = "AgentResponseError";
  readonly status: number;

  /** @param message without external control characters */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The address lacks the agent's `--url-base-prefix`, or has another one. */
export class UnknownPathError extends AgentResponseError {
}

/** Returns a container's name for a URL path. */
export function namePath(name = "/"): string {
  const cleaned = name.startsWith("/") ? name : `/${name}`;
  return cleaned.split("/").map(encodeURIComponent).join("/");
}

/** The path of a URL is the agent's `--url-base-prefix`. */
function parseServer(server: string): { url: string; socket?: string } {
  const [, scheme = "http", rest = server, prefix = ""] =
    /^(https?):\/\/([^/?#]+)((?:\/[\w.~-]+)*)\/*$/.exec(server) ?? [];
  // A port alone is on this machine.
  const [port] = /^:?\d+$/.exec(rest) ?? [];
  try {
    const address = parseListenAddress(
      port === undefined ? rest : `127.0.0.1:${port.replace(":", "")}`,
    );
    return address.type === "unix"
      ? { url: "http://localhost", socket: address.path }
      : { url: formatListenAddress(address, scheme) + prefix };
  } catch (error) {
    throw new UsageError(
      `--server: Cannot parse address "${server}": expected 127.0.0.1:8080, unix:/path or https://host:port, with the --url-base-prefix of the agent if it has one`,
      { cause: error },
    );
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

function causeOf(
  error: unknown,
  server: string,
): { reason: string; remedy: string } {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) {
    inner = inner.cause;
  }
  const text = messageOf(inner);
  const cause = CAUSES.find(([regexp]) => regexp.test(text));
  if (cause === undefined) {
    return { reason: text.split(": ").slice(-2).join(": "), remedy: "" };
  }
  const [, reason, remedy] = cause;
  return { reason, remedy: remedy.replaceAll("ADDR", server) };
}

/** Errors of Deno's HTTP client with meaning and remedy. */
const CAUSES: readonly (readonly [RegExp, string, string])[] = [
  [
    /\(os error 2\)/,
    "there is no such socket",
    "Start it with cgwatch serve --listen=ADDR or systemctl start cgwatch, or name its address: --server=unix:/path",
  ],
  [
    /\(os error 111\)/,
    "nothing listens there (connection refused)",
    "Start it with cgwatch serve --listen=ADDR or systemctl start cgwatch, or name its address: --server=HOST:PORT",
  ],
  [
    /\(os error 13\)/,
    "permission denied",
    "Run it as root, or as a member of the group of the socket",
  ],
  [
    /lookup address|dns error/,
    "the host name has no address",
    "Name the address of the agent: --server=HOST:PORT",
  ],
  [
    /UnknownIssuer|invalid peer certificate/,
    "the certificate is not trusted",
    "Name the certificate that signed it: --tls-ca=FILE",
  ],
  [
    /InvalidContentType|corrupt message/,
    "the server does not use TLS",
    "Use http:// instead of https:// in --server",
  ],
  [
    /reading a body|body from connection/,
    "the connection ended within the response",
    "Try again",
  ],
  [
    /connection closed|invalid HTTP|SendRequest/,
    "the server closed the connection without an HTTP response",
    "If the server uses TLS: --server=https://HOST:PORT",
  ],
];

function errorOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text);
    return typeof error === "string"
      ? escapeControlCharacters(error)
      : undefined;
  } catch {
    return undefined;
  }
}
