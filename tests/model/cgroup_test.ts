import { assertEquals } from "@std/assert";
import {
  childOf,
  cleanName,
  isDescendant,
  parentOf,
  ROOT,
} from "../../lib/model/cgroup.ts";

Deno.test("parentOf() names the cgroup above, and the root above the root", () => {
  assertEquals(parentOf("/a/b/c"), "/a/b");
  assertEquals(parentOf("/a"), ROOT);
  assertEquals(parentOf(ROOT), ROOT);
});

Deno.test("childOf() names a child, of the root too", () => {
  assertEquals(childOf("/a", "b"), "/a/b");
  assertEquals(childOf(ROOT, "a"), "/a");
});

Deno.test("parentOf() undoes childOf()", () => {
  for (const parent of [ROOT, "/a", "/a/b.slice", "/a b/ü"]) {
    assertEquals(parentOf(childOf(parent, "x-1.scope")), parent);
  }
});

Deno.test("isDescendant() tells what lies below, whatever begins alike", () => {
  assertEquals(isDescendant("/a/b", "/a"), true);
  assertEquals(isDescendant("/a/b/c", "/a"), true);
  assertEquals(isDescendant("/a", ROOT), true);
  assertEquals(isDescendant("/ab", "/a"), false);
  assertEquals(isDescendant("/a", "/a/b"), false);
  assertEquals(isDescendant("/a", "/a"), false);
  assertEquals(isDescendant(ROOT, ROOT), false);
});

Deno.test("cleanName() gives a name its one form", () => {
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
