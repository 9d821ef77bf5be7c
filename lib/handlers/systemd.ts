import type { HandlerFactory } from "../registry/handler_registry.ts";

/**
 * Creates the factory that ignores mount units: cgroups without processes,
 * thousands on some hosts.
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
