import { assertEquals } from "@std/assert";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";

Deno.test("LabelFilter.pass() returns named labels and those with an allowed prefix, sorted", () => {
  const filter = new LabelFilter({ allowed: ["team", "io.kubernetes.*"] });
  assertEquals(
    Object.entries(
      filter.pass({
        "team": "a",
        "team.secret": "b",
        "io.kubernetes.pod.name": "web-0",
        "password": "c",
        "*": "d",
        "io.kubernetes": "e",
      }) ?? {},
    ),
    [["io.kubernetes.pod.name", "web-0"], ["team", "a"]],
  );
  assertEquals(filter.pass({ "password": "c" }), undefined);
});

Deno.test("LabelFilter.pass() returns all labels if all are allowed", () => {
  const filter = new LabelFilter({ allowed: [], all: true });
  assertEquals(filter.pass({ b: "2", a: "1" }), { a: "1", b: "2" });
});

Deno.test("LabelFilter.pass() returns strings only, limited in length and number", () => {
  const filter = new LabelFilter({ allowed: [], all: true });
  const many = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`k${i}`, "v"]),
  );
  assertEquals(Object.keys(filter.pass(many) ?? {}).length, 256);
  assertEquals(
    filter.pass({ a: 1, b: null, c: "x".repeat(5_000), d: "1" }),
    { d: "1" },
  );
});

Deno.test("LabelFilter.pass() returns at most 64 KiB of labels", () => {
  const labels = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`l${i}`, "v".repeat(4_000)]),
  );
  const passed = new LabelFilter({ allowed: [], all: true }).pass(labels);
  assertEquals(Object.keys(passed ?? {}).length, 16);
});
