import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  BadRequestError,
  isGone,
  isPermissionDenied,
  KernfsSyntaxError,
  messageOf,
  UnknownContainerError,
} from "../../lib/model/errors.ts";

Deno.test("isGone() recognizes errors of removed cgroups and exited processes", () => {
  for (
    const error of [
      new Deno.errors.NotFound("No such file or directory (os error 2)"),
      new Deno.errors.NotADirectory("Not a directory (os error 20)"),
      // Deno's error for an open file of a removed cgroup.
      new Error("No such device (os error 19)"),
      new Error("No such process (os error 3)"),
    ]
  ) assertEquals(isGone(error), true, error.message);
});

Deno.test("isGone() is false for other errors", () => {
  for (
    const error of [
      new Deno.errors.PermissionDenied("Permission denied (os error 13)"),
      new Error("Read-only file system (os error 30)"),
      new Error("Invalid argument (os error 22)"),
      new Error("Operation not supported (os error 95)"),
      new KernfsSyntaxError("/x", "line 19"),
      "No such device (os error 19)",
      undefined,
    ]
  ) assertEquals(isGone(error), false, String(error));
});

Deno.test("isGone() recognizes a missing path", () => {
  for (const path of ["/tmp/cgwatch-none/x", "/tmp/cgwatch-none"]) {
    try {
      Deno.lstatSync(path);
      assert(false, "it is there");
    } catch (error) {
      assert(isGone(error));
    }
  }
});

Deno.test("KernfsSyntaxError has the path as a field and in its message", () => {
  const cause = new Error("why");
  const error = new KernfsSyntaxError("/x/memory.stat", "line 1 is bad", {
    cause,
  });
  assertInstanceOf(error, SyntaxError);
  assertEquals(error.name, "KernfsSyntaxError");
  assertEquals(error.path, "/x/memory.stat");
  assertEquals(error.message, 'Cannot parse "/x/memory.stat": line 1 is bad');
  assertEquals(error.cause, cause);
});

Deno.test("UnknownContainerError has the container in its message", () => {
  const error = new UnknownContainerError("/a");
  assertEquals(error.name, "UnknownContainerError");
  assertEquals(error.message, 'Unknown container "/a"');
  assertEquals(new BadRequestError("x").name, "BadRequestError");
});

Deno.test("messageOf() returns the message of any thrown value", () => {
  assertEquals(messageOf(new TypeError("x")), "x");
  assertEquals(messageOf("x"), "x");
  assertEquals(messageOf(undefined), "undefined");
});

Deno.test("isPermissionDenied() recognizes denied access, also in the message or cause of an error of fetch()", () => {
  const reason = "client error (Connect): Permission denied (os error 13)";
  for (
    const error of [
      new Deno.errors.PermissionDenied("Permission denied"),
      new TypeError(`error sending request for url (/x): ${reason}`),
      new TypeError("fetch failed", { cause: new Error(reason) }),
    ]
  ) assertEquals(isPermissionDenied(error), true, error.message);
  for (
    const error of [
      new TypeError("fetch failed", {
        cause: new Error("Connection refused (os error 111)"),
      }),
      new Error("status 13"),
      "Permission denied (os error 13)",
    ]
  ) assertEquals(isPermissionDenied(error), false);
});
