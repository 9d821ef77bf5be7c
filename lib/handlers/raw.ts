import { ROOT } from "../model/cgroup.ts";
import type { HandlerFactory } from "../registry/handler_registry.ts";
import { CgroupHandler, type CgroupHandlerOptions } from "./cgroup_handler.ts";

/** Selection of raw cgroups. */
export interface RawFactoryOptions extends CgroupHandlerOptions {
  /**
   * Only cgroups whose name starts with one of these; empty for all.
   *
   * @default []
   */
  readonly prefixes?: readonly string[];
  /** Only the root and cgroups with one of the prefixes. @default false */
  readonly dockerOnly?: boolean;
}

/**
 * Creates the factory for raw cgroups, which handles any cgroup; must be the
 * last factory.
 */
export function rawFactory(options: RawFactoryOptions): HandlerFactory {
  const { prefixes = [], dockerOnly = false } = options;
  return {
    name: "raw",
    canHandle: () => true,
    accepts(name) {
      if (name === ROOT) return true;
      if (prefixes.length === 0) return !dockerOnly;
      return prefixes.some((prefix) => name.startsWith(prefix));
    },
    create: (name) => new CgroupHandler({ name }, options),
  };
}
