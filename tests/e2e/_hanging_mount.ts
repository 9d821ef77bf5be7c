/**
 * A mount that hangs on command.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hasProgram } from "./_programs.ts";

const DENO = fromFileUrl(new URL("../../scripts/deno", import.meta.url));
const SERVER = fromFileUrl(new URL("_hanging_filesystem.ts", import.meta.url));

/** Whether FUSE file systems can be mounted. */
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
 * A mount that hangs on command, in its own mount namespace: it is not visible
 * outside and is removed with its server.
 */
export class HangingMount implements AsyncDisposable {
  readonly directory: string = Deno.makeTempDirSync({
    prefix: "cgwatch-hung-",
  });
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

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
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Command prefix that runs a program in the mount namespace. */
  get inside(): string[] {
    return ["nsenter", `--target=${this.#child.pid}`, "--mount"];
  }

  /** Waits for a line of output. */
  async waitForLine(expected: string): Promise<void> {
    assertEquals((await this.#output.read()).value, `${expected}\n`);
  }

  /** Sends a command and waits until it is executed. */
  async order(order: "hang" | "answer"): Promise<void> {
    await this.#orders.write(new TextEncoder().encode(`${order}\n`));
    await this.waitForLine(order);
  }

  /** Ends the server and the processes that wait for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orders.close();
    await this.#output.cancel();
    await this.#child.status;
    await Deno.remove(this.directory);
  }
}
