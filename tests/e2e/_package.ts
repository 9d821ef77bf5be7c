import { fromFileUrl } from "@std/path";
import { outputOf } from "./_programs.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** Returns the path of a Debian package of a version, with a comment in its settings. */
export async function packVersion(
  directory: string,
  { bin, version, comment }: {
    readonly bin: string;
    readonly version: string;
    readonly comment: string;
  },
): Promise<string> {
  const source = `${directory}/${version}`;
  await Deno.mkdir(source);
  const copied = ["scripts", "LICENSE", "CHANGELOG.md"]
    .map((name) => `${ROOT}/${name}`);
  await outputOf("cp", "-r", ...copied, source);
  await Deno.writeTextFile(
    `${source}/deno.json`,
    `{\n  "version": "${version}",\n}\n`,
  );
  await Deno.writeTextFile(
    `${source}/scripts/deploy/cgwatch.default`,
    `# ${comment}\n`,
    { append: true },
  );
  const sums = await outputOf(
    `${source}/scripts/package`,
    `--bin=${bin}`,
    `--out=${source}`,
  );
  return `${source}/${/ (\S+\.deb)$/m.exec(sums)?.[1]}`;
}
