import { assert, assertEquals } from "@std/assert";
import { explainOom, summarizeOom } from "../../lib/explain/explain_oom.ts";
import { widthOf } from "../../lib/model/text.ts";
import {
  EXPLAINED,
  EXPLAINED_NAMES,
  screenOf,
  storyOf,
} from "../_support/explained_kills.ts";

for (const name of EXPLAINED_NAMES) {
  Deno.test(`explainOom() output of ${name} matches the golden file`, async () => {
    const golden = await Deno.readTextFile(`${EXPLAINED}/${name}.txt`);
    assertEquals(await screenOf(name), golden);
  });
}

Deno.test("explainOom() prints no control characters and no line wider than the terminal", async () => {
  for (const name of EXPLAINED_NAMES) {
    const story = await storyOf(name);
    for (const columns of [20, 40, 80, 200]) {
      for (const line of explainOom(story, { columns })) {
        assert(widthOf(line) <= columns, `${columns}: ${line}`);
        assertEquals(/[\p{Cc}\p{Cf}]/u.test(line), false, line);
      }
    }
  }
});

Deno.test("summarizeOom() describes the kill and its reason in one line", async () => {
  const summaries = await Promise.all(
    EXPLAINED_NAMES.map(async (name) => summarizeOom(await storyOf(name))),
  );
  assertEquals(summaries, [
    "tail[19801]: container limit 32.0 MiB",
    "java[4711]: pod limit 256 MiB",
    "postgres[900]: host out of memory",
    "worker[5000]: unit limit",
    "counted, not in the kernel log",
  ]);
});
