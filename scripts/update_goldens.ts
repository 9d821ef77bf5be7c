/**
 * Writes anew what `/metrics` tells of the recorded hosts, all kinds on, into
 * `tests/testdata/metrics`. What changes is to be read as a part of the
 * change: `git diff tests/testdata/metrics`.
 *
 * ```sh
 * scripts/deno run -A scripts/update_goldens.ts
 * ```
 *
 * @module
 */
import {
  RecordedTree,
  RECORDING_NAMES,
} from "../tests/_support/recorded_tree.ts";
import { GOLDENS, ScrapedTree } from "../tests/_support/scraped_tree.ts";

await Deno.mkdir(GOLDENS, { recursive: true });
for (const name of RECORDING_NAMES) {
  using recorded = new RecordedTree(name);
  using tree = new ScrapedTree(recorded);
  const text = await tree.scrape();
  await Deno.writeTextFile(`${GOLDENS}/${name}.prom`, text);
}
