/**
 * References in C, compiled on demand.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

const SOURCE = fromFileUrl(new URL("./floor.c", import.meta.url));

/** Returns `undefined` without a compiler. */
export async function compileFloor(dir: string): Promise<string | undefined> {
  const path = `${dir}/floor`;
  try {
    const { success } = await new Deno.Command("cc", {
      args: ["-O2", "-o", path, SOURCE],
    }).output();
    return success ? path : undefined;
  } catch {
    return undefined;
  }
}

/** A program's lines, each with its arrival time. */
export class LineReader {
  readonly lines: { readonly text: string; readonly atMs: number }[] = [];
  readonly child: Deno.ChildProcess;

  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#read();
  }

  async close(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) {
      const atMs = performance.now();
      const parts = (rest + decoder.decode(chunk, { stream: true })).split(
        "\n",
      );
      rest = parts.pop() ?? "";
      for (const text of parts) this.lines.push({ text, atMs });
    }
  }
}
