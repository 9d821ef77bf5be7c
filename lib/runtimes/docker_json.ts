import type {
  ContainerMetadata,
  NetworkNamespace,
} from "../model/container_metadata.ts";
import { defined } from "../model/defined.ts";
import type { EngineEvent } from "./engine.ts";
import {
  asInteger,
  asObject,
  asString,
  asTimestampMs,
  type JsonObject,
  podOf,
} from "./json_values.ts";
import { parseBoundedJson } from "./bounded_json.ts";
import type { LabelFilter } from "./label_filter.ts";

/** Options of the parsers. */
export interface EngineJsonOptions {
  readonly runtime: "docker" | "podman";
  readonly labels: LabelFilter;
}

/**
 * Parses `config.v2.json` with `hostconfig.json`, or `/containers/<id>/json`,
 * which has the same fields.
 *
 * @throws {TypeError} if the ID is missing
 */
export function parseDockerContainer(
  config: unknown,
  options: EngineJsonOptions & { readonly hostConfig?: unknown },
): ContainerMetadata {
  const fields = asObject(config);
  const id = asString(fields["ID"]) ?? asString(fields["Id"]);
  if (id === undefined) {
    throw new TypeError('Cannot parse a container: it has no "ID"');
  }
  const state = asObject(fields["State"]);
  const { "Image": image, "Labels": labels } = asObject(fields["Config"]);
  const host = asObject(options.hostConfig ?? fields["HostConfig"]);
  const isRunning = state["Running"] === true;
  const hasEnded = !isRunning &&
    asTimestampMs(state["FinishedAt"]) !== undefined;
  return defined<ContainerMetadata>({
    runtime: options.runtime,
    id,
    name: nameOf(fields["Name"]),
    image: asString(fields["ImageName"]) ?? asString(image),
    labels: options.labels.select(asObject(labels)),
    pod: podOf(asObject(labels)),
    isSandbox: isSandbox(asObject(labels)) || undefined,
    createdMs: asTimestampMs(fields["Created"]),
    startedMs: asTimestampMs(state["StartedAt"]),
    pid: isRunning ? asInteger(state["Pid"]) || undefined : undefined,
    network: networkOf(asString(host["NetworkMode"])),
    exitCode: hasEnded ? asInteger(state["ExitCode"]) : undefined,
    restartCount: asInteger(fields["RestartCount"]),
    health: healthOf(asObject(state["Health"])["Status"]),
    logPath: asString(fields["LogPath"]),
  });
}

/**
 * Parses `/containers/json`, skipping entries without an ID.
 *
 * @throws {TypeError} if it is not an array
 */
export function parseDockerList(
  list: unknown,
  { runtime, labels }: EngineJsonOptions,
): ContainerMetadata[] {
  if (!Array.isArray(list)) {
    throw new TypeError(
      "Cannot read the list of containers: it is not an array",
    );
  }
  return list.map(asObject).flatMap((fields) => {
    const id = asString(fields["Id"]);
    if (id === undefined) return [];
    return [defined<ContainerMetadata>({
      runtime,
      id,
      name: nameOf(ownName(fields["Names"])),
      image: asString(fields["Image"]),
      labels: labels.select(asObject(fields["Labels"])),
      pod: podOf(asObject(fields["Labels"])),
      isSandbox: isSandbox(asObject(fields["Labels"])) || undefined,
    })];
  });
}

/** Event attributes that are not labels. */
const NON_LABEL_KEYS: ReadonlySet<string> = new Set([
  "image",
  "name",
  "exitCode",
  "containerExitCode",
  "oldName",
  "signal",
  "execID",
  "execDuration",
  "podId",
]);

/**
 * Parses a line of `/events`; `undefined` if not about a container.
 *
 * ```json
 * {"Type":"container","Action":"die","Actor":{"ID":"3edf…","Attributes":{"exitCode":"137","image":"nginx:1","name":"web"}},"time":1795416465}
 * ```
 */
export function parseEngineEvent(
  line: string,
  { runtime, labels }: EngineJsonOptions,
): EngineEvent | undefined {
  const fields = asObject(parseBoundedJson(line));
  if (fields["Type"] !== "container") return undefined;
  const actor = asObject(fields["Actor"]);
  const id = asString(actor["ID"]);
  const action = asString(fields["Action"]) ?? asString(fields["status"]);
  if (id === undefined || action === undefined) return undefined;
  const attributes = asObject(actor["Attributes"]);
  const others = Object.fromEntries(
    Object.entries(attributes).filter(([key]) => !NON_LABEL_KEYS.has(key)),
  );
  const metadata = defined<ContainerMetadata>({
    runtime,
    id,
    name: nameOf(attributes["name"]),
    image: asString(attributes["image"]) ?? asString(fields["from"]),
    labels: labels.select(others),
    pod: podOf(others),
    exitCode: action === "die" || action === "died"
      ? exitCodeOf(attributes)
      : undefined,
    health: healthOfAction(action, attributes, fields),
  });
  return {
    metadata,
    isRemoved: action === "destroy" || action === "remove",
    isStarted: action === "start" || action === "restart",
  };
}

/**
 * Returns the own name, such as `/db`; links of others add names such as
 * `/web/database`.
 */
function ownName(names: unknown): unknown {
  if (!Array.isArray(names)) return undefined;
  return names.find((name) => asString(name)?.lastIndexOf("/") === 0) ??
    names[0];
}

function nameOf(value: unknown): string | undefined {
  return asString(asString(value)?.replace(/^\//, ""));
}

function isSandbox(labels: JsonObject): boolean {
  return labels["io.kubernetes.docker.type"] === "podsandbox";
}

/** Parses `default`, `bridge`, `none`, `host`, `container:<id>`, or a network's name. */
function networkOf(mode: string | undefined): NetworkNamespace | undefined {
  if (mode === undefined) return undefined;
  if (mode === "host") return { kind: "host" };
  if (!mode.startsWith("container:")) return { kind: "own" };
  return { kind: "shared", withId: mode.slice("container:".length) };
}

function exitCodeOf(attributes: JsonObject): number | undefined {
  const text = asString(attributes["exitCode"]) ??
    asString(attributes["containerExitCode"]);
  return text !== undefined && /^-?\d{1,5}$/.test(text)
    ? Number(text)
    : undefined;
}

function healthOf(value: unknown): string | undefined {
  return value === "none" ? undefined : asString(value);
}

/** Returns Docker's `health_status: healthy`, or Podman's field. */
function healthOfAction(
  action: string,
  attributes: JsonObject,
  fields: JsonObject,
): string | undefined {
  if (!action.startsWith("health_status")) return undefined;
  const [, status] = action.split(": ");
  return healthOf(
    status ?? fields["HealthStatus"] ?? attributes["health_status"],
  );
}
