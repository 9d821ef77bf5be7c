/**
 * Prometheus and promtool from Debian's package `prometheus`: installed, or
 * unpacked below /tmp for the duration of the tests.
 *
 * @module
 */
import { DEPLOY } from "../_support/deploy_queries.ts";
import { endProcess } from "../_support/end_process.ts";
import { until } from "./_agent.ts";
import { hasProgram } from "./_programs.ts";

/** The package has 20 MB; the package lists may have to be fetched first. */
const FETCH_MS = 45_000;

/** Directory of the programs; `undefined` if they are unavailable. */
export const PROMETHEUS: string | undefined = await programs();

async function programs(): Promise<string | undefined> {
  if (hasProgram("prometheus") && hasProgram("promtool")) return "";
  if (Deno.uid() !== 0 || !hasProgram("apt-get")) return undefined;
  const directory = await Deno.makeTempDir({ prefix: "cgwatch-prometheus-" });
  globalThis.addEventListener(
    "unload",
    () => Deno.removeSync(directory, { recursive: true }),
  );
  const { success } = await new Deno.Command("timeout", {
    args: [
      String(FETCH_MS / 1000),
      "sh",
      "-ec",
      "apt-get download prometheus || { apt-get update; apt-get download prometheus; }\n" +
      "dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb",
    ],
    cwd: directory,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (success) return `${directory}/usr/bin/`;
  await Deno.stderr.write(
    new TextEncoder().encode(
      "prometheus: not installed, and cannot be fetched with apt-get; its tests are skipped\n",
    ),
  );
  return undefined;
}

/** Returns a TCP port that was free a moment ago. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Returns the output of promtool for a string on its stdin. */
export async function promtool(
  args: readonly string[],
  stdin = "",
): Promise<{ success: boolean; lines: string[] }> {
  const child = new Deno.Command(`${PROMETHEUS}promtool`, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  return { success, lines: text.split("\n").filter((line) => line !== "") };
}

/** A directory with a configuration, the rules and a token. */
export async function configDirectory(config: string): Promise<string> {
  const directory = await Deno.makeTempDir({ dir: "/tmp" });
  await Deno.writeTextFile(`${directory}/prometheus.yml`, config);
  await Deno.copyFile(
    `${DEPLOY}/prometheus-rules.yml`,
    `${directory}/prometheus-rules.yml`,
  );
  await Deno.writeTextFile(`${directory}/cgwatch.token`, "abc", {
    mode: 0o600,
  });
  return directory;
}

/** A series of a query result: labels, times in seconds, and values. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [number, number])[];
}

/** A target of scrapes. */
export interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: "unknown" | "up" | "down";
}

/** A Prometheus server. */
export class PrometheusProcess {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;
  readonly #log: Promise<string>;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.url = `http://127.0.0.1:${port}`;
    this.#child = new Deno.Command(`${PROMETHEUS}prometheus`, {
      args: [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#log = new Response(this.#child.stderr).text();
  }

  /**
   * Starts a server with the configuration `prometheus.yml` of a directory, and
   * waits until it responds. The directory is removed at the end.
   */
  static async startIn(directory: string): Promise<PrometheusProcess> {
    const prometheus = new PrometheusProcess(directory, freePort());
    const isUp = async () => {
      try {
        const response = await fetch(`${prometheus.url}/-/ready`);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    };
    if (!await until(isUp)) {
      throw new Error(`Prometheus is not ready:\n${await prometheus.stop()}`);
    }
    return prometheus;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Returns the result of a query. */
  async query(expression: string): Promise<QueryResult[]> {
    const query = new URLSearchParams({ query: expression });
    const response = await fetch(`${this.url}/api/v1/query?${query}`);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(`${expression}: ${error}`);
    // deno-lint-ignore no-explicit-any
    return data.result.map(({ metric, value, values }: any) => ({
      metric,
      points: (values ?? [value])
        .map(([time, of]: [number, string]) => [time, Number(of)]),
    }));
  }

  /** Returns the targets, and whether they were scraped. */
  async targets(): Promise<Target[]> {
    const response = await fetch(`${this.url}/api/v1/targets?state=active`);
    return (await response.json()).data.activeTargets;
  }

  /** Ends the server; returns its log. */
  async stop(): Promise<string> {
    await endProcess(this.#child, "SIGTERM", 5_000);
    const log = await this.#log;
    await Deno.remove(this.#directory, { recursive: true });
    return log;
  }
}
