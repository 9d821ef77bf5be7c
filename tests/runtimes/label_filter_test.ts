import { assertEquals } from "@std/assert";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";

Deno.test("LabelFilter.select() returns named labels and those with an allowed prefix, sorted", () => {
  const filter = new LabelFilter({ allowed: ["team", "io.kubernetes.*"] });
  assertEquals(
    Object.entries(
      filter.select({
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
  assertEquals(filter.select({ "password": "c" }), undefined);
});

Deno.test("LabelFilter.select() returns all labels if all are allowed", () => {
  const filter = new LabelFilter({ allowed: [], all: true });
  assertEquals(filter.select({ b: "2", a: "1" }), { a: "1", b: "2" });
});

Deno.test("LabelFilter.select() returns strings only, limited in length and number", () => {
  const filter = new LabelFilter({ allowed: [], all: true });
  const many = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`k${i}`, "v"]),
  );
  assertEquals(Object.keys(filter.select(many) ?? {}).length, 256);
  assertEquals(
    filter.select({ a: 1, b: null, c: "x".repeat(5_000), d: "1" }),
    { d: "1" },
  );
});

Deno.test("LabelFilter.select() returns at most 64 KiB of labels", () => {
  const labels = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`l${i}`, "v".repeat(4_000)]),
  );
  const selected = new LabelFilter({ allowed: [], all: true }).select(labels);
  assertEquals(Object.keys(selected ?? {}).length, 16);
});
