import { assertEquals } from "@std/assert";
import { isNamed, rowOf } from "../../lib/cli/container_row.ts";

const ID = "e".repeat(64);
const UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

// deno-lint-ignore no-explicit-any
function named(info: Record<string, any>): (string | undefined)[] {
  const { name, type, pod } = rowOf({ stats: [], ...info }, new Map());
  return [name, type, pod];
}

Deno.test("rowOf() returns the display name: pod, runtime's name, short ID, unit or cgroup", () => {
  const docker = { name: `/docker/${ID}`, namespace: "docker", id: ID };
  assertEquals(named({ ...docker, aliases: ["web", ID] }), [
    "web",
    "docker",
    undefined,
  ]);
  assertEquals(named({ ...docker, aliases: [ID] })[0], ID.slice(0, 12));
  const labels = {
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.container.name": "nginx",
  };
  assertEquals(
    named({ ...docker, aliases: ["k8s_x", ID], spec: { labels } }),
    ["shop/web-0/nginx", "docker", "shop/web-0"],
  );
  assertEquals(
    named({ name: "/system.slice/dev\\x2ddisk.service" }).slice(0, 2),
    ["dev\\x2ddisk.service", "unit"],
  );
  assertEquals(named({ name: `/kubepods/pod${UID}` })[1], "pod");
  assertEquals(named({ name: "/a/b" }), ["/a/b", "cgroup", undefined]);
  assertEquals(named({ name: "/" }).slice(0, 2), ["/", "cgroup"]);
});

Deno.test("rowOf() computes rates of two samples, and omits values that were not measured", () => {
  const stats = [1000, 3000].map((ms) => ({
    timestamp: new Date(ms).toISOString(),
    cpu: {
      usage: { total: ms * 5e5 },
      cfs: { periods: ms / 100, throttled_periods: ms / 200 },
    },
    diskio: { io_service_bytes: [{ stats: { Read: ms, Write: ms } }] },
    network: { interfaces: [{ rx_bytes: ms, tx_bytes: ms }] },
    memory: { usage: 7, working_set: 5, psi: { some: { avg10: 1.5 } } },
    processes: { process_count: 0 },
  }));
  const info = { name: "/a", stats, spec: { memory: { limit: 2 ** 63 } } };
  const row = rowOf(info, new Map([["/a", 2]]));
  assertEquals(
    [row.cpu, row.throttled, row.io, row.network, row.limit, row.oom],
    [0.5, 0.5, 2000, 2000, undefined, 2],
  );
  assertEquals([row.memory, row.workingSet, row.processes], [7, 5, 0]);
  assertEquals(row.pressure, { cpu: undefined, memory: 1.5, io: undefined });
  const once = rowOf({ ...info, stats: stats.slice(1) }, new Map());
  assertEquals([once.cpu, once.io, once.memory], [undefined, undefined, 7]);
  // A counter that was reset must not yield a negative rate.
  assertEquals(
    rowOf({ ...info, stats: stats.toReversed() }, new Map()).cpu,
    undefined,
  );
  const reset = [stats[0], { ...stats[1], cpu: { usage: { total: 0 } } }];
  assertEquals(rowOf({ ...info, stats: reset }, new Map()).cpu, 0);
});

Deno.test("isNamed() accepts a name, its parts, a cgroup, and an ID prefix", () => {
  const row = rowOf({
    name: `/docker/${ID}`,
    namespace: "docker",
    id: ID,
    aliases: [ID],
    stats: [],
    spec: {
      labels: {
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.name": "web-0",
        "io.kubernetes.container.name": "nginx",
      },
    },
  }, new Map());
  for (
    const text of ["web-0", "shop/web-0", "nginx", "eeee", `/docker/${ID}`]
  ) {
    assertEquals(isNamed(row, text), true, text);
  }
  const pod = rowOf({ name: "/kubepods/podu-1/x", stats: [] }, new Map());
  assertEquals(isNamed(pod, "u-1"), true);
  for (const text of ["web", "eee", "other", ""]) {
    assertEquals(isNamed(row, text), false, text);
  }
});
