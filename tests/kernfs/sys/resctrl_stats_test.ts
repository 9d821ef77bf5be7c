import { assertEquals } from "@std/assert";
import { ResctrlReader } from "../../../lib/kernfs/sys/resctrl_stats.ts";
import { RowBuilder } from "../../../lib/model/sample.ts";
import { type Filled, filled } from "../../_support/read_file.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

const RESCTRL = "sys/fs/resctrl";

function read(host: TestCgroup): Filled {
  const builder = new RowBuilder();
  new ResctrlReader(host.hostFs(), [`${host.path}/cgroup`]).read(builder);
  return filled(builder);
}

/**
 * A host with an allocation group, a monitoring group in it, and one in the
 * root.
 */
function newHost(): TestCgroup {
  const host = TestCgroup.create();
  host.child(`${RESCTRL}/info/L3_MON`);
  for (
    const [group, tasks] of [
      ["", "1\n2\n"],
      ["/gold", "10\n11\n"],
      ["/gold/mon_groups/web", "21\n20\n"],
      ["/mon_groups/db", "30\n"],
    ] as const
  ) {
    host.file(`${RESCTRL}${group}/tasks`, tasks);
    const domain = `${RESCTRL}${group}/mon_data/mon_L3_00`;
    host.file(`${domain}/mbm_total_bytes`, `${tasks.length}\n`)
      .file(`${domain}/mbm_local_bytes`, "5\n")
      .file(`${domain}/llc_occupancy`, "Unavailable\n");
  }
  return host;
}

Deno.test("ResctrlReader reads the group that has exactly the container's threads", () => {
  using host = newHost();
  for (
    const [threads, total] of [
      ["10\n11\n", 6],
      ["20\n21\n", 6],
      ["30\n", 3],
    ] as const
  ) {
    host.file("cgroup/cgroup.threads", threads);
    assertEquals(read(host), { "resctrl mon_L3_00": [total, 5, NaN] });
  }
});

Deno.test("ResctrlReader reads nothing if a group has fewer or other threads, or is the root", () => {
  using host = newHost();
  for (const threads of ["10\n", "10\n11\n12\n", "1\n2\n", "99\n", ""]) {
    host.file("cgroup/cgroup.threads", threads);
    assertEquals(read(host), {});
  }
});

Deno.test("ResctrlReader reads nothing on a host without resctrl, and supports v1's list of threads", () => {
  using host = newHost();
  host.file("cgroup/tasks", "30\n");
  assertEquals(read(host), { "resctrl mon_L3_00": [3, 5, NaN] });
  Deno.removeSync(`${host.path}/${RESCTRL}`, { recursive: true });
  assertEquals(read(host), {});
});

Deno.test("ResctrlReader omits values that the hardware does not have", () => {
  using host = newHost();
  host.file("cgroup/cgroup.threads", "30\n");
  for (const word of ["Unavailable", "Unassigned", "Error"]) {
    host.file(
      `${RESCTRL}/mon_groups/db/mon_data/mon_L3_00/mbm_local_bytes`,
      `${word}\n`,
    );
    assertEquals(read(host), { "resctrl mon_L3_00": [3, NaN, NaN] }, word);
  }
});
