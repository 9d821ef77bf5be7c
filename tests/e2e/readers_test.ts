import { assert, assertEquals } from "@std/assert";
import { layOut, READERS } from "../faults/_readers.ts";

/** Maximum memory of a reader above the baseline. */
const MAX_MB = 32;

const DENO = new URL("../../scripts/deno", import.meta.url).pathname;
/** The agent runs with the same flags. */
const V8_FLAGS = Deno.readTextFileSync(
  new URL("../../scripts/v8_flags", import.meta.url),
).trim();
const SCRIPT = new URL("./_read_foreign.ts", import.meta.url).pathname;

for (const reader of READERS) {
  const { name, isAccepted, peakMb } = reader;
  const does = isAccepted ? "takes" : "refuses";
  Deno.test(`agent ${does} ${name} within ${MAX_MB} MB`, async () => {
    // Creating a directory with many files is about 100 times faster here.
    const directory = await Deno.makeTempDir({ dir: "/dev/shm" });
    try {
      const path = layOut(reader, directory);
      const { stdout, stderr } = await new Deno.Command(DENO, {
        args: [
          "run",
          "-A",
          "--no-check",
          `--v8-flags=${V8_FLAGS}`,
          SCRIPT,
          name,
          path,
        ],
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert(text !== "", new TextDecoder().decode(stderr));
      const found: { isAccepted: boolean; peakMb: number } = JSON.parse(text);
      const reported = `${found.peakMb.toFixed(1)} MB, in the table ${peakMb}`;
      assertEquals(found.isAccepted, isAccepted, reported);
      assert(found.peakMb <= MAX_MB, reported);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
