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
  Deno.test(`explainOom() writes of ${name} what scripts/update_goldens.ts wrote`, async () => {
    const golden = await Deno.readTextFile(`${EXPLAINED}/${name}.txt`);
    assertEquals(await screenOf(name), golden);
  });
}

Deno.test("explainOom() has no control characters, and no line wider than the terminal", async () => {
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

Deno.test("summarizeOom() says in one line what was killed and why", async () => {
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
