/**
 * Runs verbs of the agent in a pseudo-terminal, created with Python.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { AGENT, until } from "./_agent.ts";
import { hasProgram } from "./_programs.ts";
import { ScreenModel } from "./_screen_model.ts";

const PYTHON = fromFileUrl(new URL("_pty.py", import.meta.url));

/** Whether pseudo-terminals can be created. */
export const HAS_PTY: boolean = hasProgram("python3");

/** Defines a test that requires a pseudo-terminal. */
export function testInPty(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: name + (HAS_PTY ? "" : ", skipped: python3 is not installed"),
    ignore: !HAS_PTY,
    fn,
  });
}

/** A verb in a pseudo-terminal. */
export class Pty implements AsyncDisposable {
  readonly screen: ScreenModel;
  /** All output, including escape sequences. */
  raw = "";
  /** Number of times the process was stopped. */
  stops = 0;
  /** Echo and canonical mode of the terminal when the process last stopped or ended. */
  modes: readonly boolean[] = [];
  exitCode: number | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;

  constructor(
    [rows, columns]: readonly [number, number],
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    command: readonly string[] = [AGENT],
  ) {
    this.screen = new ScreenModel(rows, columns);
    this.#child = new Deno.Command("python3", {
      args: [PYTHON, `${rows}`, `${columns}`, ...command, ...args],
      env: { TERM: "xterm-256color", NO_COLOR: "", TZ: "UTC", ...env },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async keys(text: string): Promise<void> {
    await this.#order({ "keys": text });
  }

  async signal(signal: Deno.Signal): Promise<void> {
    await this.#order({ "signal": signal });
  }

  async resize(rows: number, columns: number): Promise<void> {
    this.screen.resize(rows, columns);
    await this.#order({ "size": [rows, columns] });
  }

  /**
   * Waits until the screen contains a string.
   *
   * @throws {Error} with the screen's content, if it does not appear
   */
  async shows(text: string | RegExp, timeoutMs = 20_000): Promise<void> {
    const has = () =>
      typeof text === "string"
        ? this.screen.text.includes(text)
        : text.test(this.screen.text);
    if (await until(has, { timeoutMs })) return;
    throw new Error(
      `The screen never shows ${text}, but:\n${this.screen.text}\n${
        JSON.stringify(this.raw.slice(-500))
      }`,
    );
  }

  /** Waits for the end of the program. */
  async ended(): Promise<number | undefined> {
    await this.#reading;
    return this.exitCode;
  }

  async #order(order: unknown): Promise<void> {
    await this.#writer.write(
      new TextEncoder().encode(`${JSON.stringify(order)}\n`),
    );
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (
      const text of this.#child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { out, stopped, modes, exit } = JSON.parse(line);
        if (out !== undefined) {
          const bytes = Uint8Array.from(atob(out), (c) => c.charCodeAt(0));
          const chunk = decoder.decode(bytes, { stream: true });
          this.raw += chunk;
          this.screen.write(chunk);
        }
        if (stopped) this.stops++;
        this.modes = modes ?? this.modes;
        this.exitCode = exit ?? this.exitCode;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#reading;
    await this.#child.status;
  }
}
