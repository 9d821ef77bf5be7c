// Compares the intended differences from cAdvisor and the kubelet with responses of real agents.

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  type AgentClient,
  FROM_CADVISOR,
  FROM_KUBELET,
  type Hosts,
  NOT_REPEATED,
} from "../_support/differences.ts";
import { parseExposition } from "../_support/exposition.ts";
import { KubeletNode } from "../_support/kubelet_node.ts";
import { RecordedTree } from "../_support/recorded_tree.ts";
import { AgentProcess, until } from "./_agent.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

class Agent implements AgentClient {
  readonly #agent: AgentProcess;
  readonly #root: string;
  readonly container: string;

  constructor(agent: AgentProcess, root: string, container: string) {
    this.#agent = agent;
    this.#root = root;
    this.container = container;
  }

  static async start(root: string, container: RegExp): Promise<Agent> {
    const agent = await AgentProcess.start([
      `--root=${root}`,
      "--event-log=none",
      "--kmsg=none",
      "--node-name=n1",
    ]);
    const found = (await agent.names("/")).find((name) => container.test(name));
    return new Agent(agent, root, found ?? "");
  }

  json(path: string) {
    return this.#agent.json(path);
  }

  async status(path: string, method = "GET"): Promise<number> {
    const response = await fetch(this.#agent.url + path, { method });
    await response.body?.cancel();
    return response.status;
  }

  async text(path: string): Promise<string> {
    return await (await fetch(this.#agent.url + path)).text();
  }

  async families(path: string) {
    return parseExposition(await this.text(path));
  }

  control(name: string, controller: string, file: string): string {
    const cgroups = `${this.#root}/sys/fs/cgroup`;
    for (const directory of [`${cgroups}/${controller}`, cgroups]) {
      try {
        return Deno.readTextFileSync(`${directory}${name}/${file}`);
      } catch {
        // v2 has no directory per controller.
      }
    }
    return "";
  }

  async stop(): Promise<void> {
    await this.#agent.stop();
  }
}

const DOCKER = /docker.*[0-9a-f]{64}/;

/** A node with the processes of a kubelet and a runtime. */
function nodeWithPrograms(): KubeletNode {
  const node = new KubeletNode("systemd");
  const programs = { kubelet: 701, containerd: 702 };
  for (const [name, pid] of Object.entries(programs)) {
    const cgroup = `/system.slice/${name}.service`;
    node.file(`/proc/${pid}/comm`, `${name}\n`)
      .file(`/proc/${pid}/cgroup`, `0::${cgroup}\n`)
      .file(`/sys/fs/cgroup${cgroup}/cgroup.procs`, `${pid}\n`)
      .file(`/sys/fs/cgroup${cgroup}/memory.current`, "4096\n");
  }
  return node;
}

async function withHosts(test: (hosts: Hosts) => Promise<void>): Promise<void> {
  using first = new RecordedTree("6.1-v1-legacy");
  using second = new RecordedTree("6.1-v2");
  using third = nodeWithPrograms();
  second.root.file(
    "sys/fs/cgroup/idle/cpu.stat",
    "usage_usec 0\nuser_usec 0\nsystem_usec 0\n",
  );
  const agents = await Promise.all([
    Agent.start(first.fs.root, DOCKER),
    Agent.start(second.fs.root, DOCKER),
    Agent.start(third.root, /2{64}/),
  ]);
  const [v1, v2, node] = agents;
  try {
    await test({ v1, v2, node });
  } finally {
    for (const agent of agents) await agent.stop();
  }
}

/** Returns generic names of the leaves of a response: `pods[].containers[].cpu.time`. */
function fieldsOf(json: unknown, prefix = ""): Set<string> {
  if (typeof json !== "object" || json === null) return new Set([prefix]);
  const fields = Array.isArray(json)
    ? json.map((item) => fieldsOf(item, `${prefix}[]`))
    : Object.entries(json).map(([key, value]) =>
      fieldsOf(value, prefix === "" ? key : `${prefix}.${key}`)
    );
  return fields.reduce((all, some) => all.union(some), new Set<string>());
}

function recorded(file: string): string[] {
  const path = `${ROOT}/tests/testdata/kubelet/${file}`;
  return Deno.readTextFileSync(path).trim().split("\n");
}

Deno.test("documented differences from cAdvisor and the kubelet match the agent's responses", async (step) => {
  await withHosts(async (hosts) => {
    const isCounted = async () => {
      const reported = fieldsOf(await hosts.node.json("/stats/summary"));
      return [
        "node.runtime.imageFs.time",
        "pods[].ephemeral-storage.time",
        "node.cpu.usageNanoCores",
        "node.systemContainers[].cpu.usageNanoCores",
        "pods[].cpu.usageNanoCores",
        "pods[].containers[].cpu.usageNanoCores",
      ].every((field) => reported.has(field));
    };
    assert(await until(isCounted, { everyMs: 100 }));
    for (const { what, holds } of [...FROM_CADVISOR, ...FROM_KUBELET]) {
      await step.step(what, () => holds(hosts));
    }
    const missing = (expected: string[], reported: Set<string>) =>
      expected.filter((field) => !reported.has(field)).toSorted();
    await step.step("all other fields of the kubelet are present", async () => {
      const summary = await hosts.node.json("/stats/summary");
      assertEquals(
        missing(recorded("1.32-summary.txt"), fieldsOf(summary)),
        ["containerFs", "imageFs"].flatMap((of) =>
          ["inodesUsed", "usedBytes"].map((field) =>
            `node.runtime.${of}.${field}`
          )
        ),
      );
      const few = await hosts.node.json(
        "/stats/summary?only_cpu_and_memory=true",
      );
      assertEquals(
        missing(recorded("1.32-cpu-and-memory.txt"), fieldsOf(few)),
        [],
      );
      const families = await hosts.node.families("/metrics/resource");
      assertEquals(
        missing(recorded("1.32-resource.txt"), new Set(families.keys())),
        [],
      );
    });
  });
});

Deno.test("each difference that is tested elsewhere names its test", () => {
  for (const [what, , , test] of NOT_REPEATED) {
    assert(Deno.statSync(`${ROOT}/${test}`).isFile, what);
  }
});
