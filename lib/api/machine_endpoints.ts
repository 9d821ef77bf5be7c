import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import { fsInfoJson } from "./filesystem_json.ts";
import { jsonArrayResponse, jsonResponse } from "./json_response.ts";
import { attributesJson, machineInfoJson } from "./machine_json.ts";
import { type Parameter, readParameter } from "./parameters.ts";

/** The machine. */
export function handleMachine(
  { request }: RequestContext,
  { manager }: ApiDependencies,
): Response {
  return jsonResponse(request, machineInfoJson(manager.machineInfo()));
}

/** The machine and software versions. */
export function handleAttributes(
  { request }: RequestContext,
  { manager }: ApiDependencies,
): Response {
  const machine = manager.machineInfo();
  return jsonResponse(request, attributesJson(machine, manager.versionInfo()));
}

const UUID: Parameter<string> = {
  name: "uuid",
  description: "Return the file system with this UUID, as an object",
  schema: { "type": "string" },
  parse: (text) => text,
};

const LABEL: Parameter<string> = {
  name: "label",
  description: "Return the file systems with this label; ignored with `uuid`",
  schema: { "type": "string" },
  parse: (text) => text,
};

/** Parameters of {@linkcode handleStorage}. */
export const STORAGE_PARAMETERS: readonly Parameter[] = [UUID, LABEL];

/** An array of file systems; with `uuid` only one. Empty parameters are ignored. */
export function handleStorage(
  { request, query }: RequestContext,
  { manager }: ApiDependencies,
): Response {
  const uuid = readParameter(query, UUID);
  if (uuid) {
    return jsonResponse(request, fsInfoJson(manager.fsInfoByUuid(uuid)));
  }
  const infos = manager.fsInfo(readParameter(query, LABEL) || undefined);
  return jsonArrayResponse(
    request,
    Iterator.from(infos).map((info) => JSON.stringify(fsInfoJson(info))),
  );
}
