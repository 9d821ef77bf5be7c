/**
 * Starts the agent as a process of its own: the binary that `CGWATCH_BIN`
 * names, else the source through `scripts/run`.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

/** An event as a client reads it. */
// deno-lint-ignore no-explicit-any
export type WireEvent = any;

const RUN = fromFileUrl(new URL("../../scripts/run", import.meta.url));

/** The command that starts the agent. */
export const AGENT: string = Deno.env.get("CGWATCH_BIN") || RUN;

/** A running agent. */
export class AgentProcess {
  readonly child: Deno.ChildProcess;
  /** `http://127.0.0.1:PORT`. */
  url = "";
  /** What it said on stderr. */
  stderr = "";
  /** From the start of the process to the ready line, milliseconds. */
  readyMs = 0;
  readonly #closed: Promise<void>;
  #hasEnded = false;

  private constructor(
    command: string[],
    args: string[],
    env: Record<string, string>,
  ) {
    const [program = "", ...before] = command;
    this.child = new Deno.Command(program, {
      args: [...before, ...args],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#closed = this.#readStderr();
  }

  /** Starts it on a free port and waits until it is ready; `command` may put another program before it. */
  static async start(
    args: string[] = [],
    env: Record<string, string> = {},
    command: string[] = [AGENT],
  ): Promise<AgentProcess> {
    const startMs = performance.now();
    const agent = new AgentProcess(
      command,
      ["--listen=127.0.0.1:0", ...args],
      env,
    );
    const isReady = () => /^cgwatch ready/m.test(agent.stderr);
    await until(() => isReady() || agent.#hasEnded, {
      timeoutMs: 60_000,
      everyMs: 2,
    });
    agent.readyMs = performance.now() - startMs;
    agent.url = /https?:\/\/\S+:\d+/.exec(agent.stderr)?.[0] ?? "";
    if (!isReady() || agent.url === "") {
      await agent.stop("SIGKILL");
      throw new Error(`The agent is not ready:\n${agent.stderr}`);
    }
    return agent;
  }

  /** Its process id. */
  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal, SIGTERM unless told, and waits for its end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    try {
      this.child.kill(signal);
    } catch {
      // It ended by itself.
    }
    const status = await this.child.status;
    await this.#closed;
    return status;
  }

  /** The JSON at a path. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    const response = await fetch(this.url + path);
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return await response.json();
  }

  /** Names of all containers below `name`, it included; none where it is unknown. */
  async names(name: string): Promise<string[]> {
    const path = `/api/v1.3/subcontainers${name}`;
    const response = await fetch(this.url + path, {
      method: "POST",
      body: '{"num_stats":0}',
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return [];
    }
    const infos: { name: string }[] = await response.json();
    return infos.map((info) => info.name).toSorted();
  }

  /** Follows a stream of events into an array until the signal aborts. */
  async follow(
    query: string,
    events: WireEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const response = await fetch(
      `${this.url}/api/v1.3/events?stream=true&${query}`,
      { signal },
    );
    const lines = response.body?.pipeThrough(new TextDecoderStream());
    if (lines === undefined) throw new Error("A stream has no body");
    this.#take(lines, events).catch(() => {});
  }

  async #take(
    lines: ReadableStream<string>,
    events: WireEvent[],
  ): Promise<void> {
    let rest = "";
    for await (const text of lines) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        if (part === "") continue;
        events.push({ ...JSON.parse(part), arrivedMs: Date.now() });
      }
    }
  }

  async #readStderr(): Promise<void> {
    const text = this.child.stderr.pipeThrough(new TextDecoderStream());
    for await (const piece of text) this.stderr += piece;
    this.#hasEnded = true;
  }
}

/** Waits until something holds; returns whether it came to hold in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  { timeoutMs = 5_000, everyMs = 10 } = {},
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!await holds()) {
    if (performance.now() > endMs) return false;
    await delay(everyMs);
  }
  return true;
}

/** Waits so long. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The events in the whole lines of an event log; checkpoints are none. */
export async function readEvents(path: string): Promise<WireEvent[]> {
  const lines = await readLines(path);
  return lines.filter(({ event_type }) => event_type !== "checkpoint");
}

/** The whole lines of an event log. */
export async function readLines(path: string): Promise<WireEvent[]> {
  const text = await Deno.readTextFile(path);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** How many sockets a process has open; its other descriptors include control files of other tests' cgroups. */
export function openSockets(pid: number): number {
  let count = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      if (target.startsWith("socket:")) count++;
    } catch {
      // It has been closed.
    }
  }
  return count;
}

/** The middle of some numbers. */
export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
