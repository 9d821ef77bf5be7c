import { assertEquals } from "@std/assert";
import { rawFactory, type RawFactoryOptions } from "../../lib/handlers/raw.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { runHandlerContract } from "../_support/handler_contract.ts";

/** Returns the accepted names. */
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

Deno.test("rawFactory() handles and accepts any cgroup", () => {
  const factory = rawFactory({
    fs: new HostFs({ root: "/nowhere" }),
    hierarchies: { mode: "unified", all: [] },
    kinds: new Set(),
  });
  assertEquals(NAMES.every((name) => factory.canHandle(name)), true);
  assertEquals(accepted(NAMES, {}), NAMES);
});

Deno.test("rawFactory() accepts the root and cgroups with a given prefix", () => {
  assertEquals(accepted(NAMES, { prefixes: ["/docker/", "/system"] }), [
    "/",
    "/docker/1",
    "/system.slice",
  ]);
});

Deno.test("rawFactory() accepts only the root with dockerOnly, and cgroups with a given prefix", () => {
  assertEquals(accepted(NAMES, { dockerOnly: true }), ["/"]);
  assertEquals(accepted(NAMES, { dockerOnly: true, prefixes: ["/system"] }), [
    "/",
    "/system.slice",
  ]);
});
