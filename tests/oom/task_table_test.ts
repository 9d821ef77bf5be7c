import { assertEquals } from "@std/assert";
import { OomTaskTable } from "../../lib/oom/task_table.ts";

Deno.test("OomTaskTable parses the columns of each kernel", () => {
  const tables = [
    [
      "[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
      "[ 4102]   500  4102   401122   128750   0       0            17 java",
    ],
    [
      "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
      "[ 4102]   500  4102   401122   128750     302       4        0            17 java",
    ],
    [
      "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
      "[   4102]   500  4102   401122   128750   128000      750         0    45056        0            17 java",
    ],
  ] as const;
  for (const [header, row] of tables) {
    const table = OomTaskTable.fromHeader(header);
    table?.add(row);
    assertEquals(table?.topTasks, [{
      pid: 4102,
      processName: "java",
      rssPages: 128750,
    }]);
  }
});

Deno.test("OomTaskTable keeps the ten largest tasks, largest first", () => {
  const table = OomTaskTable.fromHeader(
    "[  pid  ]   uid  tgid total_vm      rss swapents oom_score_adj name",
  );
  for (let i = 1; i <= 40; i++) {
    table?.add(
      `[ ${i}]     0   ${i}      99      ${(i * 7) % 41}  0  0 a b  ${i}`,
    );
  }
  const rss = table?.topTasks.map((task) => task.rssPages);
  assertEquals(rss, [40, 39, 38, 37, 36, 35, 34, 33, 32, 31]);
  const name = table?.topTasks[0]?.processName;
  assertEquals(name, `a b  ${table?.topTasks[0]?.pid}`);
});

Deno.test("OomTaskTable ignores other lines", () => {
  assertEquals(OomTaskTable.fromHeader("[drm] Initialized"), undefined);
  const table = OomTaskTable.fromHeader(
    "[  pid  ]   uid  tgid total_vm      rss swapents oom_score_adj name",
  );
  for (
    const row of [
      "[drm] x",
      "[  12]",
      "[  12]  0 x 1 2 3 4 sh",
      "[  12]  0 1 2 3",
    ]
  ) table?.add(row);
  assertEquals(table?.topTasks, []);
});
