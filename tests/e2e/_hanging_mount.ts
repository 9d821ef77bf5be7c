/**
 * A mount that hangs when it is told to.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hasProgram } from "./_programs.ts";

const DENO = fromFileUrl(new URL("../../scripts/deno", import.meta.url));
const SERVER = fromFileUrl(new URL("_hanging_filesystem.ts", import.meta.url));

/** Whether file systems that programs serve can be mounted here. */
export const CAN_HANG: boolean = Deno.uid() === 0 && hasProgram("unshare") &&
  hasProgram("nsenter") && isDevice("/dev/fuse");

function isDevice(path: string): boolean {
  try {
    return Deno.statSync(path).isCharDevice === true;
  } catch {
    return false;
  }
}

/**
 * A mount that can be told to hang, in a mount namespace of its own: nobody
 * outside sees it, and it goes with its server.
 */
export class HangingMount implements AsyncDisposable {
  readonly directory: string = Deno.makeTempDirSync({
    prefix: "cgwatch-hung-",
  });
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  readonly #said: ReadableStreamDefaultReader<string>;

  constructor() {
    this.#child = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--propagation=private", DENO, "run", "-A", SERVER],
        this.directory,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#orders = this.#child.stdin.getWriter();
    this.#said = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Put before a program, it runs there. */
  get inside(): string[] {
    return ["nsenter", `--target=${this.#child.pid}`, "--mount"];
  }

  /** Waits until it says something. */
  async hear(expected: string): Promise<void> {
    assertEquals((await this.#said.read()).value, `${expected}\n`);
  }

  /** Waits until it has followed an order. */
  async order(order: "hang" | "answer"): Promise<void> {
    await this.#orders.write(new TextEncoder().encode(`${order}\n`));
    await this.hear(order);
  }

  /** Its server goes, and with it what waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orders.close();
    await this.#said.cancel();
    await this.#child.status;
    await Deno.remove(this.directory);
  }
}
