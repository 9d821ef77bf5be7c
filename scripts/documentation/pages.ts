import { fromFileUrl } from "@std/path";

/** The repository's root. */
export const ROOT: string = fromFileUrl(new URL("../..", import.meta.url))
  .replace(/\/$/, "");

export interface Page {
  /** Below the root. */
  readonly path: string;
  readonly text: string;
}

/** Generators by table name. */
export type Tables = Readonly<Record<string, () => string>>;

/** Reads README, CONTRIBUTING, CHANGELOG and `docs/`. */
export function readPages(root = ROOT): Page[] {
  const paths = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
  for (const directory of ["docs", "docs/decisions"]) {
    for (const { name, isFile } of Deno.readDirSync(`${root}/${directory}`)) {
      if (isFile && name.endsWith(".md")) paths.push(`${directory}/${name}`);
    }
  }
  return paths.toSorted().map((path) => ({
    path,
    text: Deno.readTextFileSync(`${root}/${path}`),
  }));
}

const BLOCK_REGEXP =
  /<!-- begin generated: ([\w-]+) -->\n[^]*?(?:<!-- end -->|(?=<!-- begin)|$)/g;

/**
 * Replaces each block between `begin generated: NAME` and `end` comments by the
 * current table.
 *
 * @throws {Error} for an unknown table, or a block without end
 */
export function withTables(text: string, tables: Tables): string {
  return text.replace(BLOCK_REGEXP, (block, name: string) => {
    const table = tables[name];
    if (table === undefined) {
      throw new Error(
        `Cannot generate "${name}": expected one of ${
          Object.keys(tables).join(", ")
        }`,
      );
    }
    if (!block.endsWith("<!-- end -->")) {
      throw new Error(`Cannot generate "${name}": its block has no end`);
    }
    return `<!-- begin generated: ${name} -->\n\n${table()}\n\n<!-- end -->`;
  });
}

/** Formats a Markdown table as `deno fmt`. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " "))
  );
  const widths = header.map((_, column) =>
    Math.max(3, ...cells.map((row) => [...row[column] ?? ""].length))
  );
  const line = (row: readonly string[], fill: string) =>
    `| ${
      widths.map((width, column) => {
        const cell = row[column] ?? "";
        return cell + fill.repeat(width - [...cell].length);
      }).join(" | ")
    } |`;
  const [first = [], ...others] = cells;
  return [
    line(first, " "),
    line(header.map(() => ""), "-"),
    ...others.map((row) => line(row, " ")),
  ].join("\n");
}
