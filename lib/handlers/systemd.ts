import type { HandlerFactory } from "../registry/handler_registry.ts";

/**
 * Creates the factory that ignores mount units: they have cgroups, thousands on
 * some hosts, but no processes.
 */
export function systemdFactory(): HandlerFactory {
  return {
    name: "systemd",
    canHandle: (name) => name.endsWith(".mount"),
    accepts: () => false,
    create(name) {
      throw new Error(`Cannot create a handler for mount unit "${name}"`);
    },
  };
}
