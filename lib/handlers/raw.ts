import { ROOT } from "../model/cgroup.ts";
import type { HandlerFactory } from "../registry/handler_registry.ts";
import { CgroupHandler, type CgroupHandlerOptions } from "./cgroup_handler.ts";

export interface RawFactoryOptions extends CgroupHandlerOptions {
  /** Accepted prefixes; empty for all. @default [] */
  readonly prefixes?: readonly string[];
  /** Accepts only the root and prefixes. @default false */
  readonly dockerOnly?: boolean;
}

/**
 * Creates the factory of raw cgroups: the last, because it handles any cgroup.
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
