// An agent in its own cgroup namespace, as in a container, uses the host's cgroup names.

import { assert, assertEquals } from "@std/assert";
import { exists } from "@std/fs/exists";
import { AGENT, AgentProcess } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

interface Process {
  readonly pid: number;
  readonly "cgroup_path"?: string;
}

const CAN_UNSHARE = CAN_MAKE_CGROUPS &&
  await succeeds("unshare", "-Cm", "true");

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args }).output()).success;
  } catch {
    return false;
  }
}

/** The hierarchy used by `ps`, and the options for another mount of it. */
const [TYPE, PATH, OPTIONS] = HIERARCHIES.has("memory")
  ? ["cgroup", HIERARCHIES.get("memory"), "memory"]
  : ["cgroup2", HIERARCHIES.get("unified"), "rw"];

const NAMESPACES = {
  "by its pid": "exec unshare -C",
  // Containers have their own cgroup at /sys/fs/cgroup, and the host's cgroups elsewhere.
  "by the inode of its own mount":
    `exec unshare -Cm sh -c 'mount -t tmpfs none /mnt && mkdir /mnt/own && mount -t ${TYPE} -o ${OPTIONS} none /mnt/own && exec "$@"' sh`,
};

for (const [how, unshare] of Object.entries(NAMESPACES)) {
  Deno.test({
    name: `agent in its own cgroup namespace finds its cgroup ${how}`,
    ignore: !CAN_UNSHARE,
    async fn() {
      await using cgroups = new TestCgroups("namespace");
      for (const below of ["/own/agent", "/other/web"]) cgroups.make(below);
      const child = cgroups.spawn("/other/web", "exec sleep 1000");
      const own = `${cgroups.name}/own/agent`;
      const enter = `echo $$ > ${PATH}${own}/cgroup.procs; ${unshare} "$@"`;
      const agent = await AgentProcess.start(
        ["--event-log=none", "--kmsg=none", "--allow-ps"],
        {},
        ["sh", "-ec", enter, "sh", AGENT],
      );
      try {
        const list = async (name: string): Promise<Process[]> =>
          await agent.json(`/api/v2.1/ps${name}`);
        const web = `${cgroups.name}/other/web`;
        const [found] = await list(web);
        assertEquals([found?.pid, found?.cgroup_path], [child.pid, web]);
        assertEquals(
          (await list(own)).map(({ pid, cgroup_path }) => [pid, cgroup_path]),
          [[agent.pid, own]],
        );
        const all = await list("");
        const paths = all.map(({ cgroup_path }) => cgroup_path);
        assert(paths.includes("/"), "processes of the root");
        assertEquals(paths.filter((path) => path?.startsWith("/..")), []);
        for (const { pid, cgroup_path } of all) {
          // One that ended meanwhile has none.
          const hasPath = cgroup_path !== undefined;
          assert(hasPath || !await exists(`/proc/${pid}`), `${pid}`);
        }
      } finally {
        await agent.stop();
      }
    },
  });
}
