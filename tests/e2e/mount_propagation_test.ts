// An agent in its own mount namespace, with the host's root mounted below it, as in a container.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AGENT, AgentProcess, until } from "./_agent.ts";
import { CAN_READ_KMSG } from "./_cgroups.ts";

async function run(program: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args }).output()).success;
  } catch {
    return false;
  }
}

const CAN_MOUNT = await run(
  "unshare",
  "-m",
  "mount",
  "-t",
  "tmpfs",
  "x",
  "/mnt",
);

interface Storage {
  readonly mountpoint: string;
  readonly capacity: number;
}

Deno.test({
  name:
    "a file system mounted on the host after the container's start is absent, and /readyz names it",
  ignore: !CAN_MOUNT,
  async fn() {
    const directory = Deno.makeTempDirSync({ prefix: "cgwatch-mounted-" });
    const [before, later] = [`${directory}/before`, `${directory}/later`];
    for (const path of [before, later]) Deno.mkdirSync(path);
    const rootfs = `${directory}/rootfs`;
    Deno.mkdirSync(rootfs);
    assert(await run("mount", "-t", "tmpfs", "-o", "size=1m", "x", before));
    const enter = `mount --rbind / ${rootfs} && exec "$@"`;
    const agent = await AgentProcess.start(
      ["--event-log=none", "--kmsg=none", `--root=${rootfs}`],
      {},
      [
        "unshare",
        "-m",
        "--propagation=private",
        "sh",
        "-ec",
        enter,
        "sh",
        AGENT,
      ],
    );
    try {
      const mounted = async () => {
        const all: Storage[] = await agent.json("/api/v2.1/storage");
        return all.filter(({ mountpoint }) => mountpoint.startsWith(directory))
          .map(({ mountpoint, capacity }) => [mountpoint, capacity]);
      };
      assertEquals(await mounted(), [[before, 2 ** 20]]);
      assert(await run("mount", "-t", "tmpfs", "-o", "size=3m", "x", later));
      const sourceOf = async (name: string) => {
        const { sources } = await agent.json("/readyz");
        return sources.find((source: { name: string }) => source.name === name);
      };
      const isNamed = async () =>
        (await sourceOf("filesystems")).detail ===
          `mounted on the host and not visible here: "${later}"`;
      assert(await until(isNamed, { timeoutMs: 25_000, everyMs: 100 }));
      assertEquals(await mounted(), [[before, 2 ** 20]]);
      assertEquals((await sourceOf("access")).state, "ok");
      // `check` in the same namespace, which queries no agent.
      const check = ["check", "--server=127.0.0.1:9", "-o=json"];
      const { stdout } = await new Deno.Command("nsenter", {
        args: ["-m", `-t${agent.pid}`, AGENT, ...check, `--root=${rootfs}`],
      }).output();
      const rows = JSON.parse(new TextDecoder().decode(stdout));
      const { state, detail, fix } = rows.find((row: { name: string }) =>
        row.name === "filesystems"
      );
      assertEquals(state, "missing");
      assertEquals(detail, (await sourceOf("filesystems")).detail);
      assertStringIncludes(fix, "mountPropagation: HostToContainer");
    } finally {
      await agent.stop();
      for (const path of [later, before]) await run("umount", path);
      Deno.removeSync(directory, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "the kernel log is read from the container's own /dev if the host's root has none",
  ignore: !CAN_MOUNT || !CAN_READ_KMSG,
  async fn() {
    const rootfs = Deno.makeTempDirSync({ prefix: "cgwatch-rootfs-" });
    const enter =
      `mount --rbind / ${rootfs} && mount -t tmpfs x ${rootfs}/dev && exec "$@"`;
    const agent = await AgentProcess.start(
      ["--event-log=none", `--root=${rootfs}`],
      {},
      [
        "unshare",
        "-m",
        "--propagation=private",
        "sh",
        "-ec",
        enter,
        "sh",
        AGENT,
      ],
    );
    try {
      const { sources } = await agent.json("/readyz");
      const detailOf = (name: string) =>
        sources.find((source: { name: string }) => source.name === name);
      assertEquals(detailOf("kmsg").state, "ok");
      assertEquals(
        detailOf("access").detail,
        "privileged: the kernel log is read",
      );
    } finally {
      await agent.stop();
      Deno.removeSync(rootfs);
    }
  },
});
