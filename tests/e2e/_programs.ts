/**
 * Programs of the machine that say the same as the agent by other ways.
 *
 * @module
 */

/** Whether a program is installed. */
export function hasProgram(name: string): boolean {
  const directories = (Deno.env.get("PATH") ?? "").split(":");
  return directories.some((directory) => {
    try {
      return Deno.statSync(`${directory}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** What a program prints. @throws {Error} where it fails */
export async function outputOf(
  program: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { LC_ALL: "C" },
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}
