import { assertEquals } from "@std/assert";
import { walkSync } from "@std/fs/walk";
import { fromFileUrl, join } from "@std/path";

type Imports = ReadonlyMap<string, readonly string[]>;

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Comments go first: an example in one imports what it likes. */
const COMMENT_REGEXP = /\/\*[^]*?\*\/|^\s*\/\/.*$/gm;
const IMPORT_REGEXP = /^(?:import|export)\b[^;]*?"(\.[^"]+)";/gm;

function importsOf(path: string, source: string): string[] {
  return Array.from(
    source.replaceAll(COMMENT_REGEXP, "").matchAll(IMPORT_REGEXP),
    ([, specifier = ""]) => join(path, "..", specifier),
  );
}

/** Returns the first circle found, its first file repeated at the end, or `[]`. */
function findCircle(imports: Imports): string[] {
  const done = new Set<string>();
  function visit(path: string, above: readonly string[]): string[] {
    if (above.includes(path)) {
      return [...above.slice(above.indexOf(path)), path];
    }
    if (done.has(path)) return [];
    for (const next of imports.get(path) ?? []) {
      const circle = visit(next, [...above, path]);
      if (circle.length > 0) return circle;
    }
    done.add(path);
    return [];
  }
  for (const path of imports.keys()) {
    const circle = visit(path, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

Deno.test("findCircle() finds imports of values, types and re-exports that lead back", () => {
  const sources = {
    "a/first.ts": `import {\n  b,\n} from "../b/second.ts";`,
    "b/second.ts": `import type { C } from "./third.ts";\nexport { d };`,
    "b/third.ts": `export * from "../a/first.ts";`,
  };
  const imports = Object.entries(sources)
    .map(([path, source]) => [path, importsOf(path, source)] as const);
  assertEquals(
    findCircle(new Map(imports)),
    ["a/first.ts", "b/second.ts", "b/third.ts", "a/first.ts"],
  );
  assertEquals(findCircle(new Map(imports.slice(1))), []);
});

Deno.test("findCircle() finds no circle in lib", () => {
  const imports = new Map<string, string[]>();
  for (const { path } of walkSync(join(ROOT, "lib"), { exts: [".ts"] })) {
    const name = path.slice(ROOT.length);
    imports.set(name, importsOf(name, Deno.readTextFileSync(path)));
  }
  assertEquals(
    imports.get("lib/agent.ts")?.includes("lib/api/server.ts"),
    true,
  );
  assertEquals(findCircle(imports), []);
});
