import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { CALLS } from "./_faulty_deno.ts";

const LIB = fromFileUrl(new URL("../../lib", import.meta.url));

/** Folders whose files the agent touches only when it starts, or for another verb. */
const APART = new Set(["api", "cli"]);
/** Not of files, or in examples. */
const NOT_OF_FILES = new Set([
  "connect",
  "createHttpClient",
  // Of its own: `FaultyDeno.libc`.
  "dlopen",
  "makeTempDir",
  "mkdir",
  "writeTextFile",
]);

function* callsIn(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) {
      if (!APART.has(name)) yield* callsIn(path);
      continue;
    }
    const text = Deno.readTextFileSync(path);
    for (const [, call = ""] of text.matchAll(/\bDeno\.([a-z]\w+)\(/g)) {
      if (!NOT_OF_FILES.has(call)) yield call;
    }
  }
}

Deno.test("FaultyDeno can spoil every call by which the agent touches files", () => {
  assertEquals([...new Set(callsIn(LIB))].toSorted(), CALLS.toSorted());
});
