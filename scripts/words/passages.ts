import { extractMarkdown, extractScript } from "./prose.ts";
import { extractTypeScript } from "./typescript.ts";

export type PassageKind = "comment" | "message" | "name" | "docs";

/** Text that people read. */
export interface Passage {
  readonly kind: PassageKind;
  /** Files with a common limit of hits. */
  readonly area: string;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** One paragraph per line, without code. */
  readonly text: string;
}

/** A passage before its assignment to an area. */
export type FoundPassage = Pick<Passage, "kind" | "line" | "text">;

const DIRECTORIES = ["lib", "scripts", "tests", "docs"];
const FILES = ["main.ts", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const IGNORED_REGEXP = /\/testdata\/|\.(?:json|c|tsv|css|html|svg)$/;

/** Returns a checkout's comments, messages, names and documentation. */
export function readPassages(root: string): Passage[] {
  const files = [
    ...FILES,
    ...DIRECTORIES.flatMap((directory) => filesBelow(root, directory)),
  ].filter((file) => !IGNORED_REGEXP.test(file));
  return files.flatMap((file) => {
    const source = Deno.readTextFileSync(`${root}/${file}`);
    return extract(file, source).map((text) => ({
      ...text,
      file,
      area: areaOf(file, text),
    }));
  });
}

function extract(file: string, source: string): FoundPassage[] {
  if (file.endsWith(".md")) return extractMarkdown(source);
  if (!/\.[jt]s$/.test(file)) return extractScript(source);
  const isTest = file.startsWith("tests/");
  return [
    ...extractTypeScript(source, isTest),
    { kind: "name", line: 1, text: fileWords(file) },
  ];
}

function areaOf(file: string, { kind }: FoundPassage): string {
  if (kind === "docs") return "docs";
  const [area = ""] = file.split("/");
  return area === "main.ts" ? "lib" : area;
}

function fileWords(file: string): string {
  const name = file.split("/").at(-1) ?? "";
  return name.replace(/(?:_test)?\.[jt]s$/, "").replaceAll("_", " ").trim();
}

function filesBelow(root: string, directory: string): string[] {
  return [...Deno.readDirSync(`${root}/${directory}`)]
    .toSorted((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) => {
      const path = `${directory}/${name}`;
      return isDirectory ? filesBelow(root, path) : [path];
    });
}
