/**
 * Writes or checks the documentation's generated tables.
 *
 * @module
 */
import { brokenReferences } from "./links.ts";
import { readPages, ROOT, withTables } from "./pages.ts";
import { TABLES } from "./tables.ts";

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const isCheck = Deno.args.includes("--check");
const problems: string[] = [];
for (const { path, text } of readPages()) {
  const current = withTables(text, TABLES);
  if (current === text) continue;
  if (isCheck) problems.push(`${path}: not current, run scripts/docs`);
  else {
    Deno.writeTextFileSync(`${ROOT}/${path}`, current);
    print(`wrote ${path}`);
  }
}
problems.push(...brokenReferences(readPages(), ROOT));
for (const problem of problems) print(problem);
if (problems.length > 0) Deno.exit(1);
