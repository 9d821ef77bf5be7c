import { assertEquals } from "@std/assert";
import { rawFactory, type RawFactoryOptions } from "../../lib/handlers/raw.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { runHandlerContract } from "../_support/handler_contract.ts";

/** Which of the names are wanted. */
function accepted(
  names: readonly string[],
  options: Pick<RawFactoryOptions, "prefixes" | "dockerOnly">,
): string[] {
  const factory = rawFactory({
    fs: new HostFs({ root: "/nowhere" }),
    hierarchies: { mode: "unified", all: [] },
    kinds: new Set(),
    ...options,
  });
  return names.filter((name) => factory.accepts(name));
}

const NAMES = ["/", "/docker", "/docker/1", "/system.slice", "/dockerx"];

runHandlerContract("rawFactory()", rawFactory);

Deno.test("rawFactory() can handle whatever it is asked for, and wants it", () => {
  const factory = rawFactory({
    fs: new HostFs({ root: "/nowhere" }),
    hierarchies: { mode: "unified", all: [] },
    kinds: new Set(),
  });
  assertEquals(NAMES.every((name) => factory.canHandle(name)), true);
  assertEquals(accepted(NAMES, {}), NAMES);
});

Deno.test("rawFactory() wants the root and what has a wanted prefix", () => {
  assertEquals(accepted(NAMES, { prefixes: ["/docker/", "/system"] }), [
    "/",
    "/docker/1",
    "/system.slice",
  ]);
});

Deno.test("rawFactory() wants the root alone of plain cgroups with dockerOnly, unless a prefix is wanted", () => {
  assertEquals(accepted(NAMES, { dockerOnly: true }), ["/"]);
  assertEquals(accepted(NAMES, { dockerOnly: true, prefixes: ["/system"] }), [
    "/",
    "/system.slice",
  ]);
});
