import { assertEquals } from "@std/assert";
import {
  childOf,
  cleanName,
  isDescendant,
  parentOf,
  ROOT,
} from "../../lib/model/cgroup.ts";

Deno.test("parentOf() returns the parent, and the root for the root", () => {
  assertEquals(parentOf("/a/b/c"), "/a/b");
  assertEquals(parentOf("/a"), ROOT);
  assertEquals(parentOf(ROOT), ROOT);
});

Deno.test("childOf() returns a child, also of the root", () => {
  assertEquals(childOf("/a", "b"), "/a/b");
  assertEquals(childOf(ROOT, "a"), "/a");
});

Deno.test("parentOf() inverts childOf()", () => {
  for (const parent of [ROOT, "/a", "/a/b.slice", "/a b/ü"]) {
    assertEquals(parentOf(childOf(parent, "x-1.scope")), parent);
  }
});

Deno.test("isDescendant() is true for descendants, not for names with the same prefix", () => {
  assertEquals(isDescendant("/a/b", "/a"), true);
  assertEquals(isDescendant("/a/b/c", "/a"), true);
  assertEquals(isDescendant("/a", ROOT), true);
  assertEquals(isDescendant("/ab", "/a"), false);
  assertEquals(isDescendant("/a", "/a/b"), false);
  assertEquals(isDescendant("/a", "/a"), false);
  assertEquals(isDescendant(ROOT, ROOT), false);
});

Deno.test("cleanName() normalizes a name", () => {
  for (
    const [path, name] of [
      ["", "/"],
      ["/", "/"],
      ["///", "/"],
      ["a", "/a"],
      ["/a/", "/a"],
      ["//a//b/", "/a/b"],
      ["/a/./b", "/a/b"],
      ["/a/../b", "/b"],
      ["/../../a", "/a"],
      ["..", "/"],
      ["/a/...", "/a/..."],
      ["/a b/c", "/a b/c"],
    ] as const
  ) assertEquals(cleanName(path), name);
});
