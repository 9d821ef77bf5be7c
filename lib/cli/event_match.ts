import { containerTitle } from "../explain/explain_oom.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import type { Json } from "./output.ts";

/** An id is recognized by so many of its first characters, as in Docker. */
const MIN_ID_LENGTH = 4;

/**
 * Whether an event is of what a person names: a cgroup or one below it where
 * the text begins with a slash; else a container, a pod, with its namespace or
 * without, a systemd unit, the beginning of an id, or a cgroup without its slash.
 */
export function isOf(event: Json, text: string): boolean {
  const cgroups = cgroupsOf(event);
  const path = `/${text.replace(/^\/+|\/+$/g, "")}`;
  if (
    path === "/" ||
    cgroups.some((name) => name === path || name.startsWith(`${path}/`))
  ) return true;
  if (text.startsWith("/")) return false;
  return namesOf(event.container).includes(text) ||
    text.length >= MIN_ID_LENGTH && hasId(event.container, text) ||
    cgroups.some((name) => unescapeUnit(name).split("/").includes(text));
}

function cgroupsOf({ container_name: name, event_data: data }: Json): string[] {
  const { victim_cgroup: victim, limit_cgroup: limit } = data?.oom ?? {};
  return [name, victim, limit].filter((one) => typeof one === "string");
}

function namesOf(container: Json): string[] {
  if (container === undefined) return [];
  const { name, aliases = [], pod: { namespace, name: pod, uid, ...of } = {} } =
    container as Json;
  return [
    name,
    ...aliases,
    pod,
    uid,
    of.container,
    pod && `${namespace}/${pod}`,
    containerTitle(container, undefined),
  ].filter((one) => typeof one === "string");
}

function hasId(container: Json, text: string): boolean {
  return `${container?.id ?? ""}`.startsWith(text);
}
