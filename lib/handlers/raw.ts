import { ROOT } from "../model/cgroup.ts";
import type { HandlerFactory } from "../registry/handler_registry.ts";
import { CgroupHandler, type CgroupHandlerOptions } from "./cgroup_handler.ts";

/** Which plain cgroups are wanted. */
export interface RawFactoryOptions extends CgroupHandlerOptions {
  /** Only those whose name starts with one of these; empty for all. @default [] */
  readonly prefixes?: readonly string[];
  /** None but the root and those with a wanted prefix. @default false */
  readonly dockerOnly?: boolean;
}

/** Handles any cgroup by its files alone; asked last. */
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
