// cAdvisor's tables of fields, row by row, on this host: compared with reference readings before
// and after.

import { assert, assertEquals } from "@std/assert";
import { ReferenceCgroup } from "../_support/reference_cgroup.ts";
import {
  at,
  checkRows,
  readRows,
  SPEC_ROWS,
  STATS_ROWS,
} from "../_support/stats_table.ts";
import { AgentProcess, until } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

/** Averages may fall, and delayed acknowledgements vary. */
const RESTLESS = /^(cpu|memory|diskio)\.psi|^network\.tcp_advanced/;

/** Values that only increase, including the host's. */
const COUNTERS = /^cpu\.(usage|cfs)|^memory\..*pg|^network\.(name|[rt]x_)/;

/** Opens sockets of each kind in a separate network namespace, then files, and sleeps. */
const SCRIPT = `exec unshare -n python3 -c '
import os, socket, time
os.system("ip link set lo up; ip link add d0 type veth peer name e0; ip link set e0 up")
tcp = socket.create_server(("127.0.0.1", 8080))
client = socket.create_connection(("127.0.0.1", 8080))
many = [socket.create_server(("::1", 9000 + i), family=socket.AF_INET6) for i in range(60)]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 5353))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 100, ("127.0.0.1", 5353))
udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp6.bind(("::1", 5353))
memory = bytearray(8 << 20)
open("/proc/self/comm", "w").write("cgwatch-ready")
time.sleep(60)
'`;

function plainOf(name: string): ReferenceCgroup {
  const directories = new Map(
    [...HIERARCHIES].map(([controller, path]) => [controller, path + name]),
  );
  return new ReferenceCgroup({ root: "", directories });
}

Deno.test({
  name: "agent reports exactly those fields of the tables that this host has",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("table");
    const name = cgroups.make("/c");
    cgroups.spawn("/c", SCRIPT);
    const plain = plainOf(name);
    assert(await until(() => plain.process("comm") === "cgwatch-ready\n"));
    // After the programs of the script, whose process times would be kept.
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--disable-metrics=",
      "--housekeeping-interval=10m",
    ]);
    try {
      const before = readRows(STATS_ROWS, plain);
      const v2 = await agent.json(`/api/v2.1/stats${name}?max_age=0s&count=1`);
      const v1 = await agent.json(`/api/v1.3/containers${name}?num_stats=1`);
      const after = readRows(STATS_ROWS, plain);
      const stats = v1.stats.at(-1);
      const rows = STATS_ROWS.filter(({ path }) => !RESTLESS.test(path));
      const present = checkRows(rows, stats, before, after);
      assert(present >= 40, `${present} rows are there`);
      for (const { path } of STATS_ROWS) {
        assertEquals(
          typeof at(stats, path),
          typeof before.get(path),
          path,
        );
      }
      assertEquals(stats.network.tcp6.Listen, 60);
      assertEquals(stats.network.udp.RxQueued > 0, true);
      checkRows(SPEC_ROWS, v1.spec, readRows(SPEC_ROWS, plain));

      const targets = (plain.pids() ?? []).flatMap((pid) =>
        [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) =>
          Deno.readLinkSync(`/proc/${pid}/fd/${name}`)
        )
      );
      assertEquals(stats.processes.fd_count, targets.length);
      assertEquals(
        stats.processes.socket_count,
        targets.filter((target) => target.startsWith("socket:")).length,
      );

      const latest = v2[name].stats.at(-1);
      assertEquals(latest.network.interfaces, stats.network.interfaces);
      assertEquals(latest.network.tcp6, stats.network.tcp6);
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name:
    "agent returns the host's values and network for the root, and no network for a cgroup that shares it",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("shared-network");
    const counters = STATS_ROWS.filter(({ path }) => COUNTERS.test(path));
    const before = readRows(counters, plainOf(""));
    const name = cgroups.make("/c");
    cgroups.spawn("/c", "exec sleep 60");
    assert(await until(() => plainOf(name).process("comm") === "sleep\n"));
    const agent = await AgentProcess.start(["--event-log=none"]);
    try {
      const shared = await agent.json(`/api/v1.3/containers${name}`);
      assertEquals(shared.spec.has_network, false);
      assertEquals(shared.stats.at(-1).network, undefined);

      const root = await agent.json("/api/v1.3/containers/?num_stats=1");
      assertEquals(root.spec.has_network, true);
      const after = readRows(counters, plainOf(""));
      const present = checkRows(counters, root.stats.at(-1), before, after);
      assert(present >= 10, `${present} rows are there`);
      const names = Deno.readTextFileSync("/proc/1/net/dev")
        .match(/^ *[^\s:]+(?=:)/gm)?.map((name) => name.trim())
        .filter((name) => !/^(lo|veth|docker|nerdctl)/.test(name));
      assertEquals(
        // deno-lint-ignore no-explicit-any
        root.stats.at(-1).network.interfaces.map((one: any) => one.name),
        names,
      );
      const memory = /^MemTotal: +(\d+) kB/m
        .exec(Deno.readTextFileSync("/proc/meminfo"))?.[1];
      assertEquals(root.spec.memory.limit, Number(memory) * 1024);
    } finally {
      await agent.stop();
    }
  },
});
