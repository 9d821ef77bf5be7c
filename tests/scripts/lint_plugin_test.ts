import { assertEquals } from "@std/assert";
import plugin from "../../scripts/lint_plugin.ts";

function messages(filename: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, filename, source).map((d) => d.message);
}

Deno.test("layers/downward-imports allows a lower layer and the same folder", () => {
  const source =
    `import { a } from "../kernfs/keyed.ts"; import { b } from "./raw.ts";`;
  assertEquals(messages("/p/lib/handlers/systemd.ts", source), []);
});

Deno.test("layers/downward-imports reports a higher layer, types and re-exports too", () => {
  for (
    const source of [
      `import { a } from "../manager/manager.ts";`,
      `import type { A } from "../manager/manager.ts";`,
      `export { a } from "../manager/manager.ts";`,
      `export * from "../manager/manager.ts";`,
    ]
  ) {
    assertEquals(messages("/p/lib/sources/cgroup_watcher.ts", source), [
      'Layer "sources" cannot import layer "manager"',
    ]);
  }
});

Deno.test("layers/downward-imports reports a peer layer", () => {
  assertEquals(
    messages(
      "/p/lib/api/routes.ts",
      `import { a } from "../metrics/exposition.ts";`,
    ),
    ['Layer "api" cannot import layer "metrics"'],
  );
});

Deno.test("layers/downward-imports lets the composition root import every layer", () => {
  const source =
    `import { a } from "./api/server.ts"; import { b } from "./config.ts";`;
  assertEquals(messages("/p/lib/agent.ts", source), []);
});

Deno.test("layers/no-ambient-deno reports Deno outside the host files", () => {
  const source = `await Deno.readTextFile("/proc/meminfo");`;
  assertEquals(messages("/p/lib/kernfs/machine.ts", source).length, 1);
  assertEquals(messages("/p/lib/kernfs/host_fs.ts", source), []);
  assertEquals(messages("/p/tests/kernfs/machine_test.ts", source), []);
});

Deno.test("layers/documented-exports reports an export without JSDoc", () => {
  const source = "// Not JSDoc.\nexport function parse() {}\n";
  assertEquals(messages("/p/lib/kernfs/keyed.ts", source), [
    "Exported symbol has no JSDoc comment",
  ]);
  assertEquals(messages("/p/tests/kernfs/keyed_test.ts", source), []);
});

Deno.test("layers/documented-exports allows JSDoc, overloads and re-exports", () => {
  const source = `
    /** Parses it. */
    export function parse(a: string): void;
    /** Parses them. */
    export function parse(a: string, b: string): void;
    function rest() {}
    export { rest };
    /** Whole
     * sentence. */
    export interface Stats {}
    export { a } from "./raw.ts";`;
  assertEquals(messages("/p/lib/kernfs/keyed.ts", source), []);
});

Deno.test("layers/downward-imports counts a folder within a layer as that layer", () => {
  const source =
    `import { a } from "../keyed.ts"; import { b } from "../../manager/manager.ts";`;
  assertEquals(messages("/p/lib/kernfs/proc/vmstat.ts", source), [
    'Layer "kernfs" cannot import layer "manager"',
  ]);
});
