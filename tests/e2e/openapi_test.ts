// The API description: responses of recorded hosts and of this host validate against it, clients can
// be generated from it, and no generated request finds a difference. The tools are from npm and PyPI;
// a test whose tool is not available is skipped.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { exists } from "@std/fs/exists";
import { fromFileUrl } from "@std/path";
import { machineInfoJson } from "../../lib/api/machine_json.ts";
import { openApiDocument } from "../../lib/api/openapi.ts";
import {
  containerInfoV2Json,
  deprecatedContainerStatsJson,
  machineStatsJson,
} from "../../lib/api/v2_json.ts";
import { containerInfoJson } from "../../lib/api/v1_json.ts";
import { derivedStatsJson } from "../../lib/api/usage_json.ts";
import { FULL_MACHINE } from "../_support/full_machine.ts";
import { KubeletNode } from "../_support/kubelet_node.ts";
import { ManagedApi } from "../_support/managed_api.ts";
import { RecordedTree, RECORDING_NAMES } from "../_support/recorded_tree.ts";
import { CompleteHost } from "../_support/complete_host.ts";
import { SmallHost } from "../_support/small_host.ts";
import { AGENT, AgentProcess } from "./_agent.ts";
import type { ToolTask, ValidationCase } from "./_openapi_tools.ts";
import { hasProgram } from "./_programs.ts";
import { skip } from "./_event_recorder.ts";

// deno-lint-ignore no-explicit-any
const DOCUMENT: any = openApiDocument("0.0.0");

/** Runs a tool of `_openapi_tools.ts`; `undefined` if npm is not reachable. */
async function tool<T>(task: ToolTask): Promise<T | undefined> {
  const script = fromFileUrl(new URL("_openapi_tools.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-lock", "--no-check", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(task)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  const reason = new TextDecoder().decode(stderr);
  // A fault of the tool is not a reason to skip the test.
  if (!/registry|npm package|dns|connect/i.test(reason)) {
    throw new Error(reason);
  }
  skip("npm", reason);
  return undefined;
}

async function assertValid(cases: readonly ValidationCase[]): Promise<void> {
  assertNotEquals(cases.length, 0);
  const errors = await tool<string[]>({
    task: "validate",
    document: DOCUMENT,
    cases,
  });
  assertEquals(errors ?? [], []);
}

function schemaCase(schema: string, at: string, value: object): ValidationCase {
  const wire: unknown = JSON.parse(JSON.stringify(value));
  return { at, pointer: `/components/schemas/${schema}`, value: wire };
}

type Send = (path: string, init: RequestInit) => Promise<Response>;

/** Sends requests for every described path and method, and each response that is JSON. */
async function* responses(
  send: Send,
  names: readonly string[],
): AsyncGenerator<ValidationCase> {
  for (const [path, item] of Object.entries<object>(DOCUMENT.paths)) {
    const paths = path.includes("{container}")
      ? [...names, "/no/such"].map((name) =>
        path.replace("{container}", encodeURIComponent(name.slice(1)))
      ).filter((path) => !path.endsWith("/"))
      : path.includes("{file}")
      ? ["main.js", "style.css", "icon.svg", "none"]
        .map((file) => path.replace("{file}", file))
      : [path];
    for (const target of paths) {
      for (const method of ["get", "post"].filter((key) => key in item)) {
        for (
          const query of [
            "",
            "?recursive=true&max_age=0s&count=x",
            "?recursive=true&max_age=0s",
            "?max_age=0s&max_events=-1",
          ]
        ) {
          const response = await send(target + query, {
            method: method.toUpperCase(),
            redirect: "manual",
          });
          yield* validationCase(path, method, response, target + query);
        }
      }
    }
  }
}

async function* validationCase(
  path: string,
  method: string,
  response: Response,
  target: string,
): AsyncGenerator<ValidationCase> {
  const type = response.headers.get("content-type") ?? "";
  const at = `${method} ${target} ${response.status}`;
  const described = DOCUMENT.paths[path][method].responses[response.status];
  assert(described !== undefined, `${at} is not described`);
  const pointer = described.$ref?.slice(1) ??
    `/paths/${escaped(path)}/${method}/responses/${response.status}`;
  const { content } = described.$ref === undefined
    ? described
    : DOCUMENT.components.responses[response.status];
  const text = await response.text();
  if (content === undefined) return assertEquals(text, "", at);
  assert(type in content, `${at}: ${type} is not described`);
  yield {
    at,
    pointer: `${pointer}/content/${escaped(type)}/schema`,
    value: type === "application/json" ? JSON.parse(text) : text,
  };
}

/** Encodes a key of a JSON pointer in a URL. */
function escaped(key: string): string {
  return encodeURIComponent(
    key.replaceAll("~", "~0").replaceAll("/", "~1"),
  );
}

Deno.test("each response of the recorded hosts is as described", async () => {
  const cases: ValidationCase[] = [];
  for (const name of RECORDING_NAMES) {
    using recorded = new RecordedTree(name);
    await using api = new ManagedApi(recorded.fs.root);
    const send: Send = (path, init) => api.fetch(path, init);
    for await (const found of responses(send, [])) cases.push(found);
    await api.manager.start();
    const infos: { name: string }[] =
      await (await api.fetch("/api/v1.3/subcontainers")).json();
    const names = infos.map(({ name }) => name);
    for await (const found of responses(send, names)) cases.push(found);
  }
  await assertValid(cases);
});

Deno.test("each response of a Kubernetes node is as described", async () => {
  const cases: ValidationCase[] = [];
  for (const driver of ["cgroupfs", "systemd"] as const) {
    using node = new KubeletNode(driver);
    await using api = new ManagedApi(node.root);
    await api.manager.start();
    const send: Send = (path, init) => api.fetch(path, init);
    for await (const found of responses(send, [])) cases.push(found);
  }
  await assertValid(cases);
});

Deno.test("explained OOM kills and tables of usage are as described", async () => {
  const cases: ValidationCase[] = [];
  await using host = await SmallHost.start();
  const { seq } = host.manager.events.addEvent({
    timestampMs: Date.now(),
    type: "oomKill",
    containerName: "/web",
    data: {
      "oom": {
        "pid": 41,
        "process_name": "tail",
        "uid": 0,
        "constraint": "CONSTRAINT_MEMCG",
        "scope": "cgroup",
        "group": false,
        "limit_cgroup": "/web",
        "victim_cgroup": "/web",
        "total_vm_bytes": 4096,
        "anon_rss_bytes": 4096,
        "oom_score_adj": 0,
        "attribution": "exact",
        "sources": ["kmsg"],
        "incident": "b-1",
        "context": {
          "limit_bytes": 2 ** 24,
          "pressure_some_avg10": 1.5,
          "top_tasks": [{
            "pid": 41,
            "process_name": "tail",
            "rss_bytes": 4096,
          }],
          "run_up": [{ "age_ms": 1000, "usage_bytes": 4096 }],
          "growth_bytes_per_second": 0.5,
        },
      },
    },
  }).event;
  for (
    const [path, query] of [
      ["explain", ""],
      ["explain", "?count=0"],
      ["explain", `?seq=${seq}&utc_offset=-90`],
      ["explain", `?seq=${seq + 1}`],
      ["explain", "?utc_offset=841&seq=1"],
      ["usage", "?recursive=true&max_age=0s&count=-1"],
      ["usage", "?columns=cpu,name&since=1"],
      ["usage", "?columns=cpu,"],
    ] as const
  ) {
    const target = `/api/v2.1/${path}`;
    const response = await host.fetch(target + query);
    const found = validationCase(target, "get", response, target + query);
    for await (const one of found) cases.push(one);
  }
  assertEquals(cases.length, 8);
  await assertValid(cases);
});

Deno.test("containers and machine are as described on hosts that have every value", async () => {
  const cases = [
    schemaCase("MachineInfo", "machine", machineInfoJson(FULL_MACHINE)),
  ];
  for (const version of [1, 2] as const) {
    using host = new CompleteHost(version);
    for (const container of host.fixture.containers) {
      host.fixture.clock.advance(1_000);
      container.sample();
      const { reference, spec, derivedStats } = container;
      const stats = container.stats({});
      const at = `v${version} ${reference.name}`;
      const info = { reference, spec, stats, subcontainers: [reference] };
      cases.push(
        schemaCase("ContainerInfo", at, containerInfoJson(info)),
        schemaCase("ContainerInfoV2", at, containerInfoV2Json(info)),
        schemaCase("DerivedStats", at, derivedStatsJson(derivedStats)),
        ...stats.flatMap((sample) => [
          schemaCase(
            "DeprecatedContainerStats",
            at,
            deprecatedContainerStatsJson(sample),
          ),
          schemaCase("MachineStats", at, machineStatsJson(sample)),
        ]),
      );
    }
  }
  await assertValid(cases);
});

Deno.test("each response and streamed event of this host is as described", async () => {
  const agent = await AgentProcess.start([
    "--event-log=none",
    "--allow-ps=full",
  ]);
  try {
    const cases: ValidationCase[] = [];
    const send: Send = (path, init) => fetch(agent.url + path, init);
    for await (const found of responses(send, ["/"])) cases.push(found);
    const path = "/api/v2.1/events";
    const field = `/paths/${escaped(path)}/get/responses/200/content`;
    for (
      const [type, query] of [
        ["application/x-ndjson", "?stream=true&since_seq=0"],
        ["text/event-stream", "?since_seq=0"],
      ] as const
    ) {
      const aborting = new AbortController();
      const response = await fetch(agent.url + path + query, {
        headers: { "accept": type },
        signal: aborting.signal,
      });
      assertEquals(response.headers.get("content-type"), type);
      const { value = new Uint8Array() } =
        await response.body?.getReader().read() ?? {};
      aborting.abort();
      // The last line may be incomplete.
      const lines = new TextDecoder().decode(value).split("\n").slice(0, -1)
        .map((line) => line.replace(/^data:/, ""))
        .filter((line) => line.startsWith("{"));
      cases.push(...lines.map((line) => ({
        at: `${type} ${line}`,
        pointer: `${field}/${escaped(type)}/schema/contentSchema`,
        value: JSON.parse(line),
      })));
    }
    await assertValid(cases);
  } finally {
    await agent.stop();
  }
});

Deno.test("the API description has no lint error", async () => {
  const errors = await tool<string[]>({ task: "lint", document: DOCUMENT });
  assertEquals(errors ?? [], []);
});

const CLIENT = `
import type { components, paths } from "./api.d.ts";

type Path = Extract<keyof paths, \`/api/\${string}\`>;
type Ok<P extends Path> = paths[P]["get"] extends
  { responses: { 200: { content: { "application/json": infer T } } } } ? T : never;

async function get<P extends Path>(server: string, path: P): Promise<Ok<P>> {
  return await (await fetch(server + path)).json();
}

const server = Deno.args[0] ?? "";
const machine = await get(server, "/api/v2.1/machine");
const cores: number = machine.num_cores;
const kills: number[] = (await get(server, "/api/v1.3/events"))
  .filter((event) => event.event_type === "oomKill")
  .map((event) => event.event_data.oom?.pid ?? 0);
const specs: Record<string, components["schemas"]["ContainerSpecV2"]> =
  await get(server, "/api/v2.1/spec");
// @ts-expect-error the machine has no such field
machine.cores;
console.log(JSON.stringify([cores, kills.length, Object.keys(specs)]));
`;

Deno.test("a TypeScript client compiles against generated types, and runs", async () => {
  const types = await tool<string>({ task: "types", document: DOCUMENT });
  if (types === undefined) return;
  const directory = await Deno.makeTempDir();
  const agent = await AgentProcess.start(["--event-log=none"]);
  try {
    await Deno.writeTextFile(`${directory}/api.d.ts`, types);
    await Deno.writeTextFile(`${directory}/client.ts`, CLIENT);
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: [
          "run",
          "--check",
          "--no-config",
          "--no-lock",
          "--allow-net=127.0.0.1",
          `${directory}/client.ts`,
          agent.url,
        ],
      },
    ).output();
    assert(success, new TextDecoder().decode(stderr));
    const [cores, , specs] = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals([cores > 0, specs], [true, ["/"]]);
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("cgwatch help --openapi prints the description that the agent serves", async () => {
  const agent = await AgentProcess.start(["--event-log=none"]);
  try {
    const { stdout } = await new Deno.Command(AGENT, {
      args: ["help", "--openapi"],
    }).output();
    assertEquals(
      JSON.parse(new TextDecoder().decode(stdout)),
      await agent.json("/openapi.json"),
    );
  } finally {
    await agent.stop();
  }
});

/** Path at which `.ci/run` installs Schemathesis. */
const INSTALLED = fromFileUrl(
  new URL("../../.deno/schemathesis/bin/schemathesis", import.meta.url),
);

Deno.test("requests that Schemathesis generates find no difference from the description", async () => {
  const program = await exists(INSTALLED) ? INSTALLED : "schemathesis";
  if (program !== INSTALLED && !hasProgram(program)) {
    return skip("Schemathesis", "it is not installed");
  }
  // It writes its findings into the working directory.
  const directory = await Deno.makeTempDir();
  const agent = await AgentProcess.start([
    "--event-log=none",
    "--allow-ps=full",
  ]);
  try {
    const { code, stdout } = await new Deno.Command(program, {
      args: [
        `--config-file=${
          fromFileUrl(new URL("_schemathesis.toml", import.meta.url))
        }`,
        "run",
        `${agent.url}/openapi.json`,
        "--max-examples=3",
        "--phases=fuzzing",
        // The same requests in each run; others by hand.
        "--seed=1",
      ],
      env: {
        NO_COLOR: "1",
        PYTHONPATH: fromFileUrl(new URL(".", import.meta.url)),
        PYTHONDONTWRITEBYTECODE: "1",
        SCHEMATHESIS_HOOKS: "_schemathesis_hooks",
      },
      cwd: directory,
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stdout));
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
});
