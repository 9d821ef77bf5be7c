/**
 * The programs that a fleet reports to: Prometheus, an OpenTelemetry Collector
 * and VictoriaLogs, with the configuration files of `scripts/deploy`.
 *
 * @module
 */
import { until } from "../e2e/_agent.ts";
import { freePort } from "../e2e/_prometheus.ts";
import { DEPLOY } from "../_support/deploy_queries.ts";
import { endProcess } from "../_support/end_process.ts";

/** A program that runs until it is stopped, and can be started again. */
export class Engine {
  #child: Deno.ChildProcess | undefined;
  /** Whether it has ended without a call of {@linkcode Engine.stop}. */
  #hasEnded = false;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #log: string;

  constructor(
    program: string,
    args: readonly string[],
    log: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#program = program;
    this.#args = args;
    this.#log = log;
    this.#env = env;
  }

  /** Starts the program; its output is appended to the log. */
  start(): void {
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        'exec "$@" >>"$0" 2>&1',
        this.#log,
        this.#program,
        ...this.#args,
      ],
      env: { ...this.#env },
      stdin: "null",
    }).spawn();
    this.#hasEnded = false;
    const child = this.#child;
    void child.status.then(() => this.#hasEnded = child === this.#child);
  }

  /** Returns the end of the program's output. */
  async log(): Promise<string> {
    return (await Deno.readTextFile(this.#log)).slice(-4_000);
  }

  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    if (this.#hasEnded) {
      throw new Error(`${this.#program} terminated: …${await this.log()}`);
    }
    await endProcess(child, signal, 20_000);
  }
}

/** An event as the store returns it. */
export type StoredEvent = Readonly<Record<string, string>>;

/** A log store. */
export class LogStore extends Engine {
  readonly directory: string;
  readonly #url: string;

  constructor(parent: string) {
    const port = freePort();
    const directory = `${parent}/store`;
    super("victoria-logs", [
      `-storageDataPath=${directory}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      // Older events would be dropped without an error.
      "-retentionPeriod=100y",
    ], `${parent}/store.log`);
    this.directory = directory;
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** `http://127.0.0.1:PORT`. */
  get url(): string {
    return this.#url;
  }

  /** Resolves when the store responds. */
  async ready(): Promise<boolean> {
    return await until(async () => {
      try {
        return (await (await fetch(`${this.#url}/health`)).text()) === "OK";
      } catch {
        return false;
      }
    }, { everyMs: 100 });
  }

  /** Returns the result of a LogsQL query. */
  async query(query: string): Promise<StoredEvent[]> {
    const response = await fetch(`${this.#url}/select/logsql/query`, {
      method: "POST",
      body: new URLSearchParams({ query }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${query}: ${text}`);
    return text.split("\n").filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }
}

/**
 * Follows the event logs of all nodes below a directory, and sends them to the
 * store at this URL.
 */
export function collector(
  directory: string,
  storeUrl: string,
  metricsPort?: number,
): Engine {
  const telemetry = metricsPort === undefined
    // Otherwise it listens on a port.
    ? "metrics::level: none"
    : `metrics::readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: ${metricsPort} } } } }]`;
  return new Engine(
    "otelcol",
    [
      `--config=${DEPLOY}/opentelemetry-collector.yaml`,
      `--config=yaml:service::telemetry::${telemetry}`,
      "--feature-gates=stanza.synchronousLogEmitter",
    ],
    `${directory}/collector.log`,
    {
      "CGWATCH_COLLECTOR_STATE": `${directory}/collector`,
      "CGWATCH_EVENT_LOGS": `${directory}/*/events.ndjson*`,
      "CGWATCH_LOG_STORE": `${storeUrl}/insert/opentelemetry/v1/logs`,
      "CGWATCH_CLUSTER": CLUSTER,
    },
  );
}

/** Name of the cluster, if the program has a setting. */
export const CLUSTER = "c1";

/** A proxy of a store, which can refuse requests. */
export class StoreProxy implements AsyncDisposable {
  /** Status of the responses to all requests. */
  status: number | undefined;
  refused = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(store: LogStore) {
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
    }, async ({ method, headers, url, body }) => {
      const { pathname, search } = new URL(url);
      const content = await new Response(body).arrayBuffer();
      if (this.status !== undefined) {
        this.refused++;
        return new Response("refused\n", { status: this.status });
      }
      return await fetch(store.url + pathname + search, {
        method,
        headers,
        body: content,
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
