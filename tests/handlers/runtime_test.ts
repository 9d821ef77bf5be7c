import { assertEquals } from "@std/assert";
import { rawFactory } from "../../lib/handlers/raw.ts";
import { runtimeFactory } from "../../lib/handlers/runtime.ts";
import { systemdFactory } from "../../lib/handlers/systemd.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { HandlerRegistry } from "../../lib/registry/handler_registry.ts";
import { runHandlerContract } from "../_support/handler_contract.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const IDENTITIES = {
  initPidOf: () => undefined,
  tellsNetwork: () => true,
  factsOf: () => undefined,
};

runHandlerContract(
  "runtimeFactory()",
  (options) => runtimeFactory({ ...options, identities: IDENTITIES }),
);

Deno.test("runtimeFactory() wants the containers of runtimes, whatever is wanted of plain cgroups", () => {
  const options = {
    fs: new HostFs({ root: "/nowhere" }),
    hierarchies: { mode: "unified", all: [] },
    kinds: new Set<string>(),
  } as const;
  const registry = new HandlerRegistry([
    systemdFactory(),
    runtimeFactory({ ...options, identities: IDENTITIES }),
    rawFactory({ ...options, prefixes: ["/wanted"], dockerOnly: true }),
  ]);
  const names = [
    "/",
    "/docker",
    `/docker/${ID}`,
    `/docker/${ID}/sub`,
    `/machine.slice/libpod-${ID}.scope`,
    `/machine.slice/libpod-${ID}.scope/container`,
    `/system.slice/docker-${ID}.mount`,
    "/default/x1",
    "/wanted",
  ];
  assertEquals(
    names.filter((name) => registry.create(name) !== undefined),
    [
      "/",
      `/docker/${ID}`,
      `/machine.slice/libpod-${ID}.scope`,
      "/wanted",
    ],
  );
});
