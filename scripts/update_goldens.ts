/**
 * Updates expected output in `tests/testdata`: `/metrics` of the recorded hosts
 * with all metric kinds, and the screens of `explain`. Review with
 * `git diff tests/testdata`.
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
import { GOLDENS, MetricsFixture } from "../tests/_support/metrics_fixture.ts";

await Deno.mkdir(GOLDENS, { recursive: true });
for (const name of RECORDING_NAMES) {
  using recorded = new RecordedTree(name);
  using tree = new MetricsFixture(recorded);
  const text = await tree.scrape();
  await Deno.writeTextFile(`${GOLDENS}/${name}.prom`, text);
}
for (const name of EXPLAINED_NAMES) {
  await Deno.writeTextFile(`${EXPLAINED}/${name}.txt`, await screenOf(name));
}
