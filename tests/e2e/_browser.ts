/**
 * Chromium without a window, driven by the DevTools protocol over its
 * WebSocket: as much of it as the tests of the page, the screenshots and the
 * bench use.
 *
 * @module
 */
import { until } from "./_agent.ts";
import { hasProgram } from "./_programs.ts";

/** Whether Chromium is installed. */
export const HAS_CHROMIUM: boolean = hasProgram("chromium");

// deno-lint-ignore no-explicit-any
type Json = any;

/** One connection to the browser, for all its pages. */
class Connection {
  /** By the session of a page: called with each event of it. */
  readonly listeners = new Map<
    string,
    (method: string, params: Json) => void
  >();
  /** Resolves when the browser has closed it. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, PromiseWithResolvers<Json>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.closed = new Promise((resolve) => {
      socket.onclose = () => {
        for (const { reject } of this.#pending.values()) {
          reject(new Error("The browser has exited"));
        }
        resolve();
      };
    });
  }

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Connection(socket);
  }

  send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<Json>();
    this.#pending.set(id, pending);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return pending.promise;
  }

  #receive({ id, result, error, method, params, sessionId }: Json): void {
    if (id === undefined) {
      return this.listeners.get(sessionId)?.(method, params);
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(error.message));
  }
}

/** A page of the browser. */
export class BrowserPage {
  /** Console output: messages, uncaught errors, failed requests. */
  readonly console: string[] = [];
  /** URLs of requests. */
  readonly requests: string[] = [];
  readonly #connection: Connection;
  readonly #session: string;

  constructor(connection: Connection, session: string) {
    this.#connection = connection;
    this.#session = session;
    connection.listeners.set(session, (method, params) => {
      if (method === "Runtime.consoleAPICalled") {
        this.console.push(params.args.map((arg: Json) => arg.value).join(" "));
      } else if (method === "Runtime.exceptionThrown") {
        this.console.push(params.exceptionDetails.exception?.description);
      } else if (method === "Log.entryAdded") {
        this.console.push(`${params.entry.text} ${params.entry.url ?? ""}`);
      } else if (method === "Network.requestWillBeSent") {
        this.requests.push(params.request.url);
      }
    });
  }

  /** A command of the protocol for this page. */
  send(method: string, params: Json = {}): Promise<Json> {
    return this.#connection.send(method, params, this.#session);
  }

  /** The value of an expression in the page; a promise is awaited. @throws {Error} what the expression throws */
  async evaluate(expression: string): Promise<Json> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description);
    }
    return result.value;
  }

  /** Waits until an expression is true; the error has the text of the page. */
  async until(expression: string, timeoutMs = 20_000): Promise<void> {
    const holds = () => this.evaluate(`Boolean(${expression})`);
    if (await until(holds, { timeoutMs, everyMs: 30 })) return;
    const text = await this.evaluate("document.body.innerText");
    throw new Error(`Never came to hold: ${expression}\n${text}`);
  }

  /** Opens an address and waits for its load event. */
  async open(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  /** Presses keys: one character each, or a name such as `Enter`. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      const code = { "Enter": 13, "Tab": 9, "Escape": 27 }[key] ?? 0;
      const text = key === "Enter" ? "\r" : key.length === 1 ? key : "";
      await this.send("Input.dispatchKeyEvent", {
        type: text === "" ? "rawKeyDown" : "keyDown",
        key,
        text,
        windowsVirtualKeyCode: code,
      });
      await this.send("Input.dispatchKeyEvent", { type: "keyUp", key });
    }
  }

  /** The size of the view, and the scheme of colors. */
  async emulate(
    width: number,
    height: number,
    scheme: "light" | "dark" = "light",
  ): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  /** A picture of what is in view, as PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.send("Page.captureScreenshot", {
      format: "png",
    });
    return Uint8Array.fromBase64(data);
  }
}

/** A running Chromium; disposing of it ends it. */
export class Browser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #connection: Connection;
  readonly #directory: string;

  private constructor(
    child: Deno.ChildProcess,
    connection: Connection,
    directory: string,
  ) {
    this.#child = child;
    this.#connection = connection;
    this.#directory = directory;
  }

  /** Starts it with a profile of its own. */
  static async start(): Promise<Browser> {
    const directory = await Deno.makeTempDir();
    const child = new Deno.Command("chromium", {
      args: [
        "--headless=new",
        // The tests run as root, and only pages of the agent are opened.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-extensions",
        "--no-first-run",
        "--hide-scrollbars",
        "--enable-precise-memory-info",
        "--remote-debugging-port=0",
        `--user-data-dir=${directory}`,
        "about:blank",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let address = "";
    const found = await until(async () => {
      const text = await Deno.readTextFile(`${directory}/DevToolsActivePort`)
        .catch(() => "");
      const [port, path] = text.split("\n");
      address = `ws://127.0.0.1:${port}${path}`;
      return path !== undefined;
    }, { timeoutMs: 60_000 });
    if (!found) {
      child.kill("SIGKILL");
      throw new Error("Chromium has not started within 60 s");
    }
    return new Browser(child, await Connection.open(address), directory);
  }

  /** The process ids of those that pages run in. */
  async tabPids(): Promise<number[]> {
    const { processInfo } = await this.#connection.send(
      "SystemInfo.getProcessInfo",
    );
    return processInfo.filter(({ type }: Json) => type === "renderer")
      .map(({ id }: Json) => id);
  }

  /** Opens an empty page. */
  async newPage(): Promise<BrowserPage> {
    const { targetId } = await this.#connection.send("Target.createTarget", {
      url: "about:blank",
    });
    const { sessionId } = await this.#connection.send("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const page = new BrowserPage(this.#connection, sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await page.send(`${domain}.enable`);
    }
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.send("Browser.close").catch(() => {});
    await this.#child.status;
    await this.#connection.closed;
    await Deno.remove(this.#directory, { recursive: true }).catch(() => {});
  }
}
