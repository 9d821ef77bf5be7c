import { consoleSize } from "./terminal.ts";

/** An event of a {@linkcode Screen}. */
export type ScreenEvent =
  /** One or more keys, as the terminal sends them. */
  | { readonly type: "keys"; readonly text: string }
  /** Resized or resumed. */
  | { readonly type: "redraw" }
  /** SIGINT, SIGTERM, SIGHUP, or the end of stdin. */
  | { readonly type: "end" };

/** Alternate screen without cursor and wrapping; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Synchronized update, where supported. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * The terminal in full-screen mode, restored by {@linkcode Screen.close}, on
 * errors, and while the process is stopped.
 */
export class Screen {
  readonly #onEvent: (event: ScreenEvent) => void;
  readonly #hasKeys = Deno.stdin.isTerminal();
  readonly #listeners: (() => void)[] = [];
  #lines: readonly string[] = [];
  #isOpen = false;
  #isStopping = false;

  constructor(onEvent: (event: ScreenEvent) => void) {
    this.#onEvent = onEvent;
    for (const signal of END_SIGNALS) {
      this.#listen(signal, () => onEvent({ type: "end" }));
    }
    this.#listen("SIGWINCH", () => this.#redraw());
    this.#listen("SIGTSTP", () => this.#stop());
    this.#listen("SIGCONT", () => this.#continue());
    // An uncaught error, or another exit.
    for (const type of ["error", "unhandledrejection", "unload"]) {
      const leave = () => this.#leave();
      addEventListener(type, leave);
      this.#listeners.push(() => removeEventListener(type, leave));
    }
    this.#enter();
    if (this.#hasKeys) void this.#readKeys();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return consoleSize() ?? { columns: 80, rows: 24 };
  }

  /** Draws the changed lines in one write. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const changed: string[] = [];
    const count = Math.max(lines.length, this.#lines.length);
    for (let at = 0; at < count; at++) {
      const line = lines[at] ?? "";
      if (line !== this.#lines[at]) {
        // Erases first: after a full line the cursor is on its last character.
        changed.push(`\x1b[${at + 1};1H\x1b[K${line}\x1b[0m`);
      }
    }
    this.#lines = lines;
    if (changed.length > 0) write(BEGIN + changed.join("") + END);
  }

  close(): void {
    for (const remove of this.#listeners) remove();
    this.#leave();
  }

  #enter(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    // cbreak keeps the signals of Ctrl-C and Ctrl-Z.
    if (this.#hasKeys) Deno.stdin.setRaw(true, { cbreak: true });
    write(ENTER);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      write(LEAVE);
      if (this.#hasKeys) Deno.stdin.setRaw(false);
    } catch {
      // The terminal was closed.
    }
  }

  #redraw(): void {
    this.#lines = [];
    if (this.#isOpen) write("\x1b[2J");
    this.#onEvent({ type: "redraw" });
  }

  #stop(): void {
    this.#leave();
    this.#isStopping = true;
    Deno.kill(Deno.pid, "SIGSTOP");
  }

  #continue(): void {
    // SIGSTOP cannot be handled: the terminal was not restored.
    if (!this.#isStopping) this.#leave();
    this.#isStopping = false;
    this.#enter();
    this.#redraw();
  }

  #listen(signal: Deno.Signal, listener: () => void): void {
    Deno.addSignalListener(signal, listener);
    this.#listeners.push(() => Deno.removeSignalListener(signal, listener));
  }

  async #readKeys(): Promise<void> {
    const buffer = new Uint8Array(256);
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const count = await Deno.stdin.read(buffer);
        if (count === null) break;
        const text = decoder.decode(buffer.subarray(0, count), {
          stream: true,
        });
        this.#onEvent({ type: "keys", text });
      }
    } catch {
      // The terminal was closed.
    }
    this.#onEvent({ type: "end" });
  }
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}
