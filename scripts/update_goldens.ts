/**
 * Writes the expected texts again: what `/metrics` exposes of the recorded
 * hosts, all kinds on, into `tests/testdata/metrics`, and the screens of
 * `explain` into `tests/testdata/explain`. Read what changes as a part of the
 * change: `git diff tests/testdata`.
 *
 * ```sh
 * scripts/deno run -A scripts/update_goldens.ts
 * ```
 *
 * @module
 */
import {
  EXPLAINED,
  EXPLAINED_NAMES,
  screenOf,
} from "../tests/_support/explained_kills.ts";
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
for (const name of EXPLAINED_NAMES) {
  await Deno.writeTextFile(`${EXPLAINED}/${name}.txt`, await screenOf(name));
}
