import { assert, assertEquals } from "@std/assert";
import type { ContainerRow } from "../../lib/cli/container_row.ts";
import { applyKeys } from "../../lib/cli/top_keys.ts";
import {
  renderTop,
  selectRows,
  TOP_CHOICES,
  type TopChoices,
  type TopData,
} from "../../lib/cli/top_view.ts";
import { widthOf } from "../../lib/model/text.ts";

function row(cgroup: string, more: Partial<ContainerRow> = {}): ContainerRow {
  return {
    cgroup,
    name: cgroup,
    type: "cgroup",
    id: undefined,
    image: undefined,
    pod: undefined,
    cpu: undefined,
    throttled: undefined,
    memory: undefined,
    workingSet: undefined,
    limit: undefined,
    io: undefined,
    network: undefined,
    pressure: { cpu: undefined, memory: undefined, io: undefined },
    processes: 1,
    restarts: undefined,
    oom: 0,
    measuredMs: 0,
    ...more,
  };
}

const ROWS = [
  row("/", { processes: 90, cpu: 2 }),
  row("/a", { cpu: 0.1, memory: 3 }),
  row("/a/b", {
    cpu: 0.5,
    memory: 1,
    pod: "shop/web-0",
    name: "shop/web-0/web",
  }),
  row("/empty", { processes: 0, cpu: 0.9 }),
  row("/docker/x", { type: "docker", processes: 0, image: "nginx:1", oom: 2 }),
];

const DATA: TopData = { server: "s", rows: ROWS, nowMs: 0 };

function shown(choices: Partial<TopChoices> = {}, rows = ROWS): string[] {
  return selectRows(rows, { ...TOP_CHOICES, ...choices })
    .map(({ row, depth }) => `${"-".repeat(depth)}${row.cgroup}`);
}

function type(text: string, choices: Partial<TopChoices> = {}): TopChoices {
  const result = applyKeys(text, { ...TOP_CHOICES, ...choices }, DATA, 2);
  assert(result !== "quit");
  return result;
}

Deno.test("selectRows() returns containers with processes, or all cgroups if selected", () => {
  assertEquals(shown(), ["/a/b", "/a", "/docker/x"]);
  assertEquals(shown({ isAll: true }), [
    "/",
    "/empty",
    "/a/b",
    "/a",
    "/docker/x",
  ]);
});

Deno.test("selectRows() sorts by each key, and in reverse", () => {
  assertEquals(shown({ sort: "memory" }), ["/a", "/a/b", "/docker/x"]);
  assertEquals(shown({ sort: "oom" })[0], "/docker/x");
  assertEquals(shown({ sort: "name" }), ["/a", "/docker/x", "/a/b"]);
  assertEquals(shown({ isReversed: true }), ["/docker/x", "/a", "/a/b"]);
});

Deno.test("selectRows() filters by type, pod and text, and requires each word to match", () => {
  assertEquals(shown({ filter: "type:docker" }), ["/docker/x"]);
  assertEquals(shown({ filter: "pod:web-0" }), ["/a/b"]);
  assertEquals(shown({ filter: "NGINX" }), ["/docker/x"]);
  assertEquals(shown({ filter: "type:docker web" }), []);
  // A filtered row is shown even if it has no processes.
  assertEquals(shown({ filter: "empty" }), ["/empty"]);
});

Deno.test("selectRows() builds a tree in which filtered rows keep their parents", () => {
  assertEquals(shown({ isTree: true }), [
    "/",
    "-/empty",
    "-/a",
    "--/a/b",
    "-/docker/x",
  ]);
  assertEquals(shown({ isTree: true, filter: "web" }), ["/a/b"]);
});

Deno.test("applyKeys() applies several keys and complete arrow sequences", () => {
  assertEquals(type("mr").sort, "memory");
  assertEquals(type("mr").isReversed, true);
  assertEquals(type("\x1b[B").selected, "/a/b");
  assertEquals(type("jj").selected, "/a");
  assertEquals(type("\x1b[B\x1bOB\x1b[A").selected, "/a/b");
  assertEquals(type("\x1b[F").selected, "/docker/x");
  assertEquals(type("\x1b[F\x1b[5~").selected, "/a/b");
  assertEquals(type("G\x00\x1b[99~"), TOP_CHOICES);
  assertEquals(applyKeys("mq/", TOP_CHOICES, DATA, 2), "quit");
});

Deno.test("applyKeys() edits the filter, where letters are not commands", () => {
  const typing = type("/quit\x7f");
  assertEquals([typing.view, typing.filter], ["filter", "qui"]);
  assertEquals(type("\r", typing).view, "table");
  assertEquals(type("\x1b", typing).filter, "");
  assertEquals(type("\x1b[A\x03é容", typing).filter, "quié容");
});

Deno.test("applyKeys() opens and closes details, help and pause", () => {
  const details = type("j\r");
  assertEquals([details.view, details.selected], ["details", "/a/b"]);
  assertEquals(type("\x1b", details).view, "table");
  assertEquals(type("?").view, "help");
  // Not a command there, which would have an effect that is not visible.
  for (const key of ["\r", "\x1b", "?", "m"]) {
    assertEquals(type(`?${key}`), TOP_CHOICES);
  }
  assertEquals(applyKeys("?q", TOP_CHOICES, DATA, 2), "quit");
  assertEquals(type("  ").isPaused, false);
  assertEquals(type("\x1b", { selected: "/a", filter: "x" }).filter, "");
});

Deno.test("renderTop() fills each terminal size exactly, in every view", () => {
  const rows = Array.from(
    { length: 100 },
    (_, at) => row(`/c${at}`, { name: `名${at}\x1b[2J`, cpu: at }),
  );
  for (const view of ["table", "details", "help", "filter"] as const) {
    for (const size of [[1, 10], [3, 20], [24, 80], [50, 200]] as const) {
      const [height, columns] = size;
      const { lines } = renderTop(
        { ...DATA, rows },
        { ...TOP_CHOICES, view, selected: "/c5" },
        { columns, rows: height },
        { hasColors: false },
      );
      assertEquals(lines.length, height, `${view} ${size}`);
      for (const line of lines) {
        assert(widthOf(line) <= columns, `${view} ${size}: ${line}`);
        assertEquals(/[\p{Cc}\p{Cf}]/u.test(line), false);
      }
    }
  }
});

Deno.test("renderTop() keeps name, CPU, memory and OOM kills in 40 columns", () => {
  const { lines } = renderTop(
    { ...DATA, rows: [row("/docker/abcdef", { cpu: 0.5, oom: 12 })] },
    TOP_CHOICES,
    { columns: 40, rows: 10 },
    { hasColors: false },
  );
  assertEquals(lines[2]?.trimEnd().split(/ +/), [
    "CONTAINER",
    "CPU",
    "MEMORY",
    "OOM",
  ]);
  assertEquals(lines[3]?.split(/ +/).slice(0, 2), ["/docker/abcdef", "50.0%"]);
  assertEquals(lines[3]?.endsWith(" 12"), true);
});

Deno.test("renderTop() keeps the selected line visible", () => {
  const rows = Array.from(
    { length: 100 },
    (_, at) => row(`/c${at}`, { cpu: 100 - at }),
  );
  let choices: TopChoices = TOP_CHOICES;
  for (
    const [keys, selected] of [["\x1b[F", 99], ["\x1b[5~", 97], [
      "\x1b[H",
      0,
    ]] as const
  ) {
    const data = { ...DATA, rows };
    const typed = applyKeys(keys, choices, data, 2);
    assert(typed !== "quit");
    const { lines, scroll } = renderTop(
      data,
      typed,
      { columns: 80, rows: 10 },
      {
        hasColors: false,
      },
    );
    choices = { ...typed, scroll };
    assertEquals(choices.selected, `/c${selected}`);
    assert(
      lines.some((line) => line.startsWith(`/c${selected} `)),
      lines.join("\n"),
    );
  }
});
