import type {
  ContainerFacts,
  NetworkNamespace,
} from "../model/container_facts.ts";
import type { EngineEvent } from "./engine.ts";
import {
  defined,
  type Fields,
  fieldsOf,
  podOf,
  textOf,
  timeOf,
  wholeOf,
} from "./json_fields.ts";
import { parseJsonBound } from "./json_bound.ts";
import type { LabelFilter } from "./label_filter.ts";

/** Options of the parsers of Docker's JSON. */
export interface EngineJsonOptions {
  /** Runtime that serves the Docker API. */
  readonly runtime: "docker" | "podman";
  readonly labels: LabelFilter;
}

/**
 * Parses a container from `config.v2.json` or from the response of
 * `/containers/<id>/json`, which share field names. For the file, `hostConfig`
 * is the content of `hostconfig.json`.
 *
 * @throws {TypeError} if the ID is missing
 */
export function dockerFacts(
  config: unknown,
  options: EngineJsonOptions & { readonly hostConfig?: unknown },
): ContainerFacts {
  const fields = fieldsOf(config);
  const id = textOf(fields["ID"]) ?? textOf(fields["Id"]);
  if (id === undefined) {
    throw new TypeError('Cannot read a container: it has no "ID"');
  }
  const state = fieldsOf(fields["State"]);
  const { "Image": image, "Labels": labels } = fieldsOf(fields["Config"]);
  const host = fieldsOf(options.hostConfig ?? fields["HostConfig"]);
  const isRunning = state["Running"] === true;
  const hasEnded = !isRunning && timeOf(state["FinishedAt"]) !== undefined;
  return defined<ContainerFacts>({
    runtime: options.runtime,
    id,
    name: nameOf(fields["Name"]),
    image: textOf(fields["ImageName"]) ?? textOf(image),
    labels: options.labels.pass(fieldsOf(labels)),
    pod: podOf(fieldsOf(labels)),
    isSandbox: isSandbox(fieldsOf(labels)) || undefined,
    createdMs: timeOf(fields["Created"]),
    startedMs: timeOf(state["StartedAt"]),
    pid: isRunning ? wholeOf(state["Pid"]) || undefined : undefined,
    network: networkOf(textOf(host["NetworkMode"])),
    exitCode: hasEnded ? wholeOf(state["ExitCode"]) : undefined,
    restartCount: wholeOf(fields["RestartCount"]),
    health: healthOf(fieldsOf(state["Health"])["Status"]),
    logPath: textOf(fields["LogPath"]),
  });
}

/**
 * Parses the containers of `/containers/json`; entries without an ID are
 * skipped.
 *
 * @throws {TypeError} if the list is not an array
 */
export function listedFacts(
  list: unknown,
  { runtime, labels }: EngineJsonOptions,
): ContainerFacts[] {
  if (!Array.isArray(list)) {
    throw new TypeError("Cannot read the list of containers: it is no array");
  }
  return list.map(fieldsOf).flatMap((fields) => {
    const id = textOf(fields["Id"]);
    if (id === undefined) return [];
    return [defined<ContainerFacts>({
      runtime,
      id,
      name: nameOf(ownName(fields["Names"])),
      image: textOf(fields["Image"]),
      labels: labels.pass(fieldsOf(fields["Labels"])),
      pod: podOf(fieldsOf(fields["Labels"])),
      isSandbox: isSandbox(fieldsOf(fields["Labels"])) || undefined,
    })];
  });
}

/** Event attributes that are not container labels. */
const NO_LABELS: ReadonlySet<string> = new Set([
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
 * Parses one line of `/events`; `undefined` if it is not about a container.
 *
 * ```json
 * {"Type":"container","Action":"die","Actor":{"ID":"3edf…","Attributes":{"exitCode":"137","image":"nginx:1","name":"web"}},"time":1795416465}
 * ```
 */
export function parseEngineEvent(
  line: string,
  { runtime, labels }: EngineJsonOptions,
): EngineEvent | undefined {
  const fields = fieldsOf(parseJsonBound(line));
  if (fields["Type"] !== "container") return undefined;
  const actor = fieldsOf(fields["Actor"]);
  const id = textOf(actor["ID"]);
  const action = textOf(fields["Action"]) ?? textOf(fields["status"]);
  if (id === undefined || action === undefined) return undefined;
  const attributes = fieldsOf(actor["Attributes"]);
  const others = Object.fromEntries(
    Object.entries(attributes).filter(([key]) => !NO_LABELS.has(key)),
  );
  const facts = defined<ContainerFacts>({
    runtime,
    id,
    name: nameOf(attributes["name"]),
    image: textOf(attributes["image"]) ?? textOf(fields["from"]),
    labels: labels.pass(others),
    pod: podOf(others),
    exitCode: action === "die" || action === "died"
      ? exitCodeOf(attributes)
      : undefined,
    health: healthOfAction(action, attributes, fields),
  });
  return {
    facts,
    isRemoved: action === "destroy" || action === "remove",
    isStarted: action === "start" || action === "restart",
  };
}

/**
 * Returns the container's own name, such as `/db`, from an unordered list.
 * Links from other containers add names such as `/web/database`.
 */
function ownName(names: unknown): unknown {
  if (!Array.isArray(names)) return undefined;
  return names.find((name) => textOf(name)?.lastIndexOf("/") === 0) ?? names[0];
}

function nameOf(value: unknown): string | undefined {
  return textOf(textOf(value)?.replace(/^\//, ""));
}

function isSandbox(labels: Fields): boolean {
  return labels["io.kubernetes.docker.type"] === "podsandbox";
}

/** Parses `default`, `bridge`, `none`, `host`, `container:<id>`, or a network's name. */
function networkOf(mode: string | undefined): NetworkNamespace | undefined {
  if (mode === undefined) return undefined;
  if (mode === "host") return { kind: "host" };
  if (!mode.startsWith("container:")) return { kind: "own" };
  return { kind: "shared", withId: mode.slice("container:".length) };
}

function exitCodeOf(attributes: Fields): number | undefined {
  const text = textOf(attributes["exitCode"]) ??
    textOf(attributes["containerExitCode"]);
  return text !== undefined && /^-?\d{1,5}$/.test(text)
    ? Number(text)
    : undefined;
}

function healthOf(value: unknown): string | undefined {
  return value === "none" ? undefined : textOf(value);
}

/** Docker sends `health_status: healthy` as the action; Podman sends a separate field. */
function healthOfAction(
  action: string,
  attributes: Fields,
  fields: Fields,
): string | undefined {
  if (!action.startsWith("health_status")) return undefined;
  const [, status] = action.split(": ");
  return healthOf(
    status ?? fields["HealthStatus"] ?? attributes["health_status"],
  );
}
