// What shells and `man` make of what is made for them.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { AGENT } from "./_agent.ts";

async function run(
  program: string,
  args: string[],
  input?: string,
): Promise<string | undefined> {
  try {
    const child = new Deno.Command(program, {
      args,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (input !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input));
      await writer.close();
    }
    const { stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const completion = await run(AGENT, ["help", "--completion=bash"]) ?? "";
const zsh = await run(AGENT, ["help", "--completion=zsh"]) ?? "";
const page = await run(AGENT, ["help", "--man"]) ?? "";
const hasZsh = await run("zsh", ["--version"]) !== undefined;
const hasGroff = await run("groff", ["--version"]) !== undefined;

Deno.test("bash completes verbs, flags and the words of a flag", async () => {
  for (
    const [words, wanted] of [
      ["cgwatch li", ["list"]],
      ["cgwatch list --so", ["--sort"]],
      ["cgwatch --event-log-k", ["--event-log-keep"]],
      ["cgwatch events -o nd", ["ndjson"]],
      ["cgwatch list --sort = me", ["memory"]],
      ["cgwatch help insp", ["inspect"]],
    ] as const
  ) {
    const script = `${completion}
COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _cgwatch; echo "\${COMPREPLY[*]}"`;
    const text = await run("bash", ["--norc"], script);
    assertEquals(text?.trim().split(" "), [...wanted], words);
  }
});

Deno.test({
  name: "zsh reads its completion" +
    (hasZsh ? "" : ", skipped: zsh is not installed"),
  ignore: !hasZsh,
  async fn() {
    assertEquals(await run("zsh", ["-f", "-n"], zsh), "");
  },
});

Deno.test({
  name: "the man page has no complaint of groff's" +
    (hasGroff ? "" : ", skipped: groff is not installed"),
  ignore: !hasGroff,
  async fn() {
    const printed = await run(
      "groff",
      ["-man", "-Tutf8", "-ww", "-P-cbou"],
      page,
    );
    // That a long list of words does not fill a line is no fault of the page.
    const text = (printed ?? "").replaceAll(/.*cannot adjust line\n/g, "");
    assertStringIncludes(text, "--event-log-max-size 64MiB");
    assertEquals(text.includes("warning"), false, text);
  },
});
