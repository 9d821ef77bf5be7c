// cAdvisor's tables of fields, row by row, on recorded hosts.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  containerStatsV2Json,
  deprecatedContainerStatsJson,
} from "../../lib/api/v2_json.ts";
import { containerStatsJson, specJson } from "../../lib/api/v1_json.ts";
import { METRIC_KINDS } from "../../lib/config/flags.ts";
import { CgroupHandler } from "../../lib/handlers/cgroup_handler.ts";
import { sampleOnce } from "../_support/handler_contract.ts";
import { ReferenceCgroup } from "../_support/reference_cgroup.ts";
import {
  readRecorded,
  RecordedTree,
  type RecordingName,
} from "../_support/recorded_tree.ts";
import {
  checkRows,
  readRows,
  SPEC_ROWS,
  STATS_ROWS,
} from "../_support/stats_table.ts";

const V2_DOCKER =
  "/system.slice/docker-76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e.scope";
const V1_DOCKER =
  "/docker/9ee92097708adbd71d23583d26b6d685f05320516556aecd1c99f5d97cb71586";
const HYBRID_DOCKER =
  "/docker/f0b5054346d2b7dbd259a72ce0094c0b4a025f355fb40049d338329322f1cf16";

/** Recorded files of a process, of any kernel. */
const PROCESS_FILES = {
  "net/dev": "6.1-v2-docker-net-dev.txt",
  "net/tcp": "6.18-net-tcp.txt",
  "net/tcp6": "6.18-net-tcp6.txt",
  "net/udp": "6.18-net-udp.txt",
  "net/udp6": "6.18-net-udp6.txt",
  "net/snmp": "6.18-net-snmp.txt",
  "net/netstat": "6.18-net-netstat.txt",
  limits: "6.18-limits.txt",
  schedstat: "6.18-schedstat.txt",
  smaps_rollup: "6.18-smaps_rollup.txt",
} as const;

/** A recorded container whose first process has its own network namespace. */
function withContainer(
  recording: RecordingName,
  name: string,
  use: (handler: CgroupHandler, plain: ReferenceCgroup) => void,
): void {
  using host = new RecordedTree(recording);
  const { fs, hierarchies, root } = host;
  const directories = new Map<string, string>();
  for (const { version, controllers, path } of hierarchies.all) {
    const names = version === 2 ? ["unified"] : controllers;
    for (const controller of names) directories.set(controller, path + name);
  }
  const plain = new ReferenceCgroup({ root: root.path, directories });
  root.child("sys/kernel/mm/hugepages/hugepages-2048kB");
  root.child("sys/kernel/mm/hugepages/hugepages-1048576kB");
  // A network namespace is identified by its inode.
  root.file("proc/1/net/dev", "");
  for (const pid of plain.subtreePids() ?? []) {
    for (const [file, text] of Object.entries(PROCESS_FILES)) {
      root.file(`proc/${pid}/${file}`, readRecorded("proc", text));
    }
  }
  const kinds = new Set<string>(METRIC_KINDS);
  const handler = new CgroupHandler({ name }, { fs, hierarchies, kinds });
  use(handler, plain);
  handler.close();
}

for (
  const [recording, name, least] of [
    ["6.1-v2", V2_DOCKER, 65],
    ["6.1-v2", "/system.slice", 35],
    ["6.1-v1-legacy", V1_DOCKER, 60],
    ["6.18-hybrid", HYBRID_DOCKER, 55],
    ["6.18-hybrid", "/rt-blkio", 2],
  ] as const
) {
  Deno.test(`containerStatsJson() has exactly the fields of the files of ${recording} ${name.slice(0, 20)}`, () => {
    withContainer(recording, name, (handler, plain) => {
      const text = JSON.stringify(containerStatsJson(sampleOnce(handler)));
      const expected = readRows(STATS_ROWS, plain);
      const present = checkRows(STATS_ROWS, JSON.parse(text), expected);
      assert(present >= least, `${present} rows are there`);
    });
  });

  Deno.test(`containerStatsV2Json() and deprecatedContainerStatsJson() have the fields of ${recording} ${name.slice(0, 20)}`, () => {
    withContainer(recording, name, (handler, plain) => {
      const stats = sampleOnce(handler);
      // v2 has no cpuset, and does not repeat the first interface.
      const rows = STATS_ROWS.filter(({ path }) =>
        !path.startsWith("cpuset.") && !/^network\.(name|[rt]x_)/.test(path)
      );
      const expected = readRows(rows, plain);
      for (const json of [containerStatsV2Json, deprecatedContainerStatsJson]) {
        checkRows(rows, JSON.parse(JSON.stringify(json(stats))), expected);
      }
    });
  });

  Deno.test(`specJson() has exactly the limits of the files of ${recording} ${name.slice(0, 20)}`, () => {
    withContainer(recording, name, (handler, plain) => {
      const text = JSON.stringify(specJson(handler.spec()));
      checkRows(SPEC_ROWS, JSON.parse(text), readRows(SPEC_ROWS, plain));
    });
  });
}

Deno.test("specJson() keeps all digits of a recorded limit", () => {
  withContainer("6.1-v1-legacy", V1_DOCKER, (handler) => {
    const text = JSON.stringify(specJson(handler.spec()));
    assertStringIncludes(text, '"reservation":9223372036854771712,');
  });
  withContainer("6.1-v2", "/system.slice", (handler) => {
    const text = JSON.stringify(specJson(handler.spec()));
    assertStringIncludes(text, '"limit":18446744073709551615,');
  });
});

Deno.test("deprecatedContainerStatsJson() has a flag for the presence of each section", () => {
  const json = JSON.parse(JSON.stringify(deprecatedContainerStatsJson({
    timestampMs: 0,
    cpu: { usageNs: 1 },
    network: { interfaces: [] },
  })));
  assertEquals(json, {
    timestamp: "1970-01-01T00:00:00Z",
    has_cpu: true,
    cpu: { usage: { total: 1 } },
    has_diskio: false,
    has_memory: false,
    has_hugetlb: false,
    has_network: true,
    network: { interfaces: [] },
    has_processes: false,
    has_filesystem: false,
    has_load: false,
    has_custom_metrics: false,
  });
});
