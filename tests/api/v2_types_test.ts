// Every answer of v2.0 and v2.1 in the types of cAdvisor's, on hosts that have every kind of number.

import { assert, assertEquals } from "@std/assert";
import {
  containerInfoV2Json,
  deprecatedContainerStatsJson,
  machineStatsJson,
} from "../../lib/api/v2_json.ts";
import { processJson } from "../../lib/api/process_json.ts";
import { derivedStatsJson } from "../../lib/api/usage_json.ts";
import { ROOT } from "../../lib/model/cgroup.ts";
import { assertForm } from "../_support/wire_tables.ts";
import { CompleteHost } from "../_support/complete_host.ts";

/** What is left once it has been on the wire. */
function wire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

for (const version of [1, 2] as const) {
  Deno.test(`v2 of the API has cAdvisor's types for each container of a whole v${version} host`, () => {
    using host = new CompleteHost(version);
    const sections = new Set<string>();
    for (const container of host.fixture.containers) {
      host.fixture.clock.advance(1_000);
      container.sample();
      const { reference, spec, derivedStats } = container;
      const stats = container.stats({});
      const at = `v${version} ${reference.name}`;
      const info = wire(containerInfoV2Json({ reference, spec, stats }));
      assertForm(info, "ContainerInfoV2", at);
      for (const sample of stats) {
        const json = wire(deprecatedContainerStatsJson(sample));
        assertForm(json, "DeprecatedContainerStats", at);
        for (const name of Object.keys(json as object)) sections.add(name);
      }
      assertForm(wire(derivedStatsJson(derivedStats)), "DerivedStats", at);
      if (reference.name !== ROOT) continue;
      for (const sample of stats) {
        assertForm(wire(machineStatsJson(sample)), "MachineStats", at);
      }
    }
    for (const name of ["cpu", "cpu_inst", "diskio", "memory", "filesystem"]) {
      assert(sections.has(name), name);
    }
  });
}

Deno.test("v2.0 of the API has the file systems of v1, as an array, and v2.1 an object of one alone", () => {
  using host = new CompleteHost(2);
  const root = host.fixture.containers.find(({ reference }) =>
    reference.name === ROOT
  );
  const [sample] = root?.stats({ count: 1 }) ?? [];
  assert(sample?.filesystems !== undefined);
  const [first] = sample.filesystems;
  assert(first !== undefined);
  for (const count of [1, 2]) {
    const stats = { ...sample, filesystems: new Array(count).fill(first) };
    const { filesystem, has_filesystem: has } = wire(
      deprecatedContainerStatsJson(stats),
    ) as {
      readonly filesystem: readonly { readonly device: string }[];
      readonly has_filesystem: boolean;
    };
    assertEquals(has, true);
    assertEquals(
      filesystem.map(({ device }) => device),
      new Array(count).fill("/dev/vda"),
    );
  }
});

Deno.test("v2 of the API has cAdvisor's types for a process", () => {
  const json = processJson({
    user: "root",
    pid: 1,
    parentPid: 0,
    startTimeMs: 0,
    cpuPercent: 0.15,
    memoryPercent: 1,
    rssBytes: 4096,
    virtualBytes: 8192,
    status: "Ss",
    runningTimeMs: 0,
    cgroup: "/init.scope",
    command: "init",
    fdCount: 3,
    processor: 1,
  }, 0);
  assertForm(wire(json), "ProcessInfo");
});
