import type { ApiDependencies, Call } from "./answers.ts";
import { fsInfoJson } from "./filesystem_json.ts";
import { jsonArrayResponse, jsonResponse } from "./json_response.ts";
import { attributesJson, machineInfoJson } from "./machine_json.ts";

/** What is known of the machine. */
export function answerMachine(
  { request }: Call,
  { questions }: ApiDependencies,
): Response {
  return jsonResponse(request, machineInfoJson(questions.machineInfo()));
}

/** What is known of the machine, and the versions of what runs there. */
export function answerAttributes(
  { request }: Call,
  { questions }: ApiDependencies,
): Response {
  const machine = questions.machineInfo();
  return jsonResponse(
    request,
    attributesJson(machine, questions.versionInfo()),
  );
}

/** The file systems with a label, or all of them, as an array; with `uuid` that one. */
export function answerStorage(
  { request, query }: Call,
  { questions }: ApiDependencies,
): Response {
  const uuid = query.get("uuid");
  if (uuid) {
    return jsonResponse(request, fsInfoJson(questions.fsInfoByUuid(uuid)));
  }
  const infos = questions.fsInfo(query.get("label") || undefined);
  return jsonArrayResponse(
    request,
    Iterator.from(infos).map((info) => JSON.stringify(fsInfoJson(info))),
  );
}
