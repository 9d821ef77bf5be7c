/**
 * Checks the wording of the project.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { type Hit, hitsOf, parseWordList } from "./word_list.ts";
import { readPassages } from "./passages.ts";

const root = fromFileUrl(new URL("../..", import.meta.url)).replace(/\/$/, "");

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, import.meta.url));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function show({ passage: { file, line }, found, replacement }: Hit): void {
  print(`${file}:${line}: "${found}": write ${replacement}`);
}

const hits = hitsOf(readPassages(root), parseWordList(read("words.tsv")));
if (Deno.args.includes("--list")) {
  const prefixes = Deno.args.filter((arg) => !arg.startsWith("--"));
  hits.filter(({ passage: { file } }) =>
    prefixes.length === 0 || prefixes.some((prefix) => file.startsWith(prefix))
  ).forEach(show);
  Deno.exit();
}
const byArea = Map.groupBy(hits, ({ passage }) => passage.area);
let isOver = false;
for (const line of read("limits.tsv").trim().split("\n")) {
  const [area = "", limit] = line.split("\t");
  const found = byArea.get(area) ?? [];
  print(`${area}: ${found.length} of ${limit} hits`);
  if (found.length <= Number(limit)) continue;
  isOver = true;
  found.forEach(show);
}
if (isOver) {
  print(
    "More hits than scripts/words/limits.tsv allows: use other words, or put a quoted word into backticks",
  );
  Deno.exit(1);
}
