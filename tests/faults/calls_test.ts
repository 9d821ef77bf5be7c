import { assertEquals } from "@std/assert";
import { walkSync } from "@std/fs/walk";
import { fromFileUrl } from "@std/path";
import { CALLS } from "./_faulty_deno.ts";

const LIB = fromFileUrl(new URL("../../lib", import.meta.url));

/** Folders whose files the agent touches only when it starts, or for another verb. */
const APART = new Set(["api", "cli", "config"]);
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
  for (const { path } of walkSync(directory, { exts: [".ts"] })) {
    const [folder = ""] = path.slice(directory.length + 1).split("/");
    if (APART.has(folder)) continue;
    const text = Deno.readTextFileSync(path);
    for (const [, call = ""] of text.matchAll(/\bDeno\.([a-z]\w+)\(/g)) {
      if (!NOT_OF_FILES.has(call)) yield call;
    }
  }
}

/** Calls of `node:fs` whose faults are those of Deno's calls for the same file, or are handled as an absence. */
const NODE_CALLS = [
  // Of the kernel log's device, which a test without root does not have.
  "closeSync",
  "existsSync",
  "openSync",
  "readSync",
  // `FaultyDeno` replaces what is made of it.
  "statfs",
  "statfsSync",
];

/** What files of a directory import from `node:fs` and `node:fs/promises`. */
function* nodeCallsIn(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) {
      if (!APART.has(name)) yield* nodeCallsIn(path);
      continue;
    }
    const text = Deno.readTextFileSync(path);
    const imports = text.matchAll(
      /^import \{([^}]*)\} from "node:fs(?:\/promises)?";/gm,
    );
    for (const [, names = ""] of imports) {
      yield* names.split(",").map((name) => name.trim())
        .filter((name) => name !== "" && !/^type |^constants$/.test(name));
    }
  }
}

Deno.test("no file is read by calls of node:fs that no fault was thought through for", () => {
  assertEquals([...new Set(nodeCallsIn(LIB))].toSorted(), NODE_CALLS);
});

Deno.test("FaultyDeno can spoil every call by which the agent touches files", () => {
  assertEquals([...new Set(callsIn(LIB))].toSorted(), CALLS.toSorted());
});
