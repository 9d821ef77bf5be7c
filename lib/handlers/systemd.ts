import type { HandlerFactory } from "../registry/handler_registry.ts";

/**
 * Claims systemd's mount units and declines them: they have cgroups, on some
 * hosts thousands, and no processes.
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
