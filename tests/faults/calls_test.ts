import { assertEquals } from "@std/assert";
import { walkSync } from "@std/fs/walk";
import { fromFileUrl } from "@std/path";
import { CALLS } from "./_faulty_deno.ts";

const LIB = fromFileUrl(new URL("../../lib", import.meta.url));

/** Directories whose files are accessed only at startup or by other verbs. */
const APART = new Set(["api", "cli", "config"]);
/** Not calls on files, or only in examples. */
const NOT_OF_FILES = new Set([
  "connect",
  "createHttpClient",
  // Replaced by `FaultyDeno.libc`.
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

/**
 * Calls of `node:fs` whose faults are those of Deno's calls for the same file,
 * or are treated as a missing file.
 */
const NODE_CALLS = [
  // For the kernel log's device, which a test without root cannot open.
  "closeSync",
  "existsSync",
  "openSync",
  "readSync",
  // `FaultyDeno` replaces its result.
  "statfs",
  "statfsSync",
];

/**
 * Yields what files of a directory import from `node:fs` and
 * `node:fs/promises`.
 */
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

Deno.test("node:fs is used only for calls whose faults are covered", () => {
  assertEquals([...new Set(nodeCallsIn(LIB))].toSorted(), NODE_CALLS);
});

Deno.test("FaultyDeno can fail every call by which the agent accesses files", () => {
  assertEquals([...new Set(callsIn(LIB))].toSorted(), CALLS.toSorted());
});
