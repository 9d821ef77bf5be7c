/**
 * axe-core of npm, unpacked below /tmp for as long as the tests run.
 *
 * @module
 */
import { hasProgram } from "./_programs.ts";

const VERSION = "4.11.0";
const FETCH_MS = 45_000;

/** Returns the source of axe-core, `undefined` if npm does not provide it. */
export async function axeSource(): Promise<string | undefined> {
  if (!hasProgram("npm")) return undefined;
  const directory = await Deno.makeTempDir({ prefix: "cgwatch-axe-" });
  try {
    const { success } = await new Deno.Command("timeout", {
      args: [
        String(FETCH_MS / 1000),
        ...["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        ...["--no-save", "--prefix", directory, "--cache", `${directory}/npm`],
        `axe-core@${VERSION}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    if (!success) return undefined;
    return await Deno.readTextFile(
      `${directory}/node_modules/axe-core/axe.min.js`,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
