// Completion scripts in shells, and the man page in `man`.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { AGENT } from "./_agent.ts";
import { hasProgram } from "./_programs.ts";
import { HAS_PTY, Pty } from "./_pty.ts";

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

const completion = await run(AGENT, ["completion", "bash"]) ?? "";
const zsh = await run(AGENT, ["completion", "zsh"]) ?? "";
const fish = await run(AGENT, ["completion", "fish"]) ?? "";
const page = await run(AGENT, ["help", "--man"]) ?? "";
const hasZsh = hasProgram("zsh") && HAS_PTY;
const hasFish = hasProgram("fish");
const hasGroff = hasProgram("groff");

Deno.test("bash completes verbs, flags and flag values", async () => {
  for (
    const [words, wanted] of [
      ["cgwatch li", ["list"]],
      ["cgwatch list --so", ["--sort"]],
      ["cgwatch --event-log-k", ["--event-log-keep"]],
      ["cgwatch events -o nd", ["ndjson"]],
      ["cgwatch list --sort = me", ["memory"]],
      ["cgwatch help insp", ["inspect"]],
      ["cgwatch expl", ["explain"]],
      ["cgwatch explain --la", ["--last"]],
      ["cgwatch top --sort mem", ["memory"]],
      ["cgwatch completion f", ["fish"]],
      ["cgwatch --allow-ps fu", ["full"]],
    ] as const
  ) {
    const script = `${completion}
COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _cgwatch; echo "\${COMPREPLY[*]}"`;
    const text = await run("bash", ["--norc"], script);
    assertEquals(text?.trim().split(" "), [...wanted], words);
  }
});

Deno.test({
  name: "zsh completes verbs, flags and flag values" +
    (hasZsh ? "" : ", skipped: zsh or python3 is not installed"),
  ignore: !hasZsh,
  async fn() {
    assertEquals(await run("zsh", ["-f", "-n"], zsh), "");
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, zsh);
    try {
      await using pty = new Pty([24, 80], ["-f", "-i"], { TERM: "dumb" }, [
        "zsh",
      ]);
      await pty.keys(
        `PS1='> '; autoload -U compinit; compinit -u -D; source ${file}; echo rea''dy\r`,
      );
      await pty.shows(/^ready/m);
      for (
        const [typed, wanted] of [
          ["cgwatch insp", "cgwatch inspect "],
          ["cgwatch expl", "cgwatch explain "],
          ["cgwatch events --foll", "cgwatch events --follow "],
          ["cgwatch top --sort=mem", "cgwatch top --sort=memory "],
          ["cgwatch completion f", "cgwatch completion fish "],
        ] as const
      ) {
        await pty.keys(`${typed}\t`);
        const missing = wanted.slice(typed.length).trimEnd();
        await pty.shows(`${typed}${missing}`);
        await pty.keys("\x15\r");
      }
      await pty.keys("exit\r");
      await pty.ended();
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test({
  name: "fish completes verbs, flags and flag values" +
    (hasFish ? "" : ", skipped: fish is not installed"),
  ignore: !hasFish,
  async fn() {
    for (
      const [line, wanted] of [
        ["cgwatch li", ["list"]],
        ["cgwatch expl", ["explain"]],
        ["cgwatch list --so", ["--sort"]],
        ["cgwatch list --sort me", ["memory"]],
        ["cgwatch --event-log-k", ["--event-log-keep"]],
        ["cgwatch completion f", ["fish"]],
        ["cgwatch events -o nd", ["ndjson"]],
      ] as const
    ) {
      const text = await run(
        "fish",
        ["--no-config"],
        `${fish}\ncomplete -C ${JSON.stringify(line)}\n`,
      );
      const words = text?.trim().split("\n").map((found) =>
        found.split("\t")[0]
      );
      assertEquals(words, [...wanted], line);
    }
  },
});

Deno.test({
  name: "groff reports nothing about the man page" +
    (hasGroff ? "" : ", skipped: groff is not installed"),
  ignore: !hasGroff,
  async fn() {
    const printed = await run(
      "groff",
      ["-man", "-Tutf8", "-ww", "-P-cbou"],
      page,
    );
    // Unbreakable words that do not fill a line are not an error of the page.
    const text = (printed ?? "").replaceAll(/.*cannot adjust line\n/g, "");
    assertStringIncludes(text, "--event-log-max-size 64MiB");
    assertEquals(/^(?:g?troff|groff):.*/m.exec(text)?.[0], undefined);
  },
});
