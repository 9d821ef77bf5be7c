import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { AGENT, AgentProcess, until } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";
import { HANGING } from "./_hanging_filesystem.ts";
import { CAN_HANG, HangingMount } from "./_hanging_mount.ts";

const UID = "0f1e2d3c-1111-2222-3333-444455556666";
const ID = "c0ffee00".repeat(8);
const MIB = 2 ** 20;

/** Usage according to `du`: bytes on disk, and inodes. */
type Usage = readonly [bytes: number, inodes: number];

/**
 * Disk usage of a pod: directories of the kubelet and of containerd below a
 * temporary one, and mounts in a separate mount namespace.
 */
class PodDisk implements Disposable {
  readonly #root = Deno.makeTempDirSync({ prefix: "cgwatch-kubelet-" });
  readonly #mount: HangingMount;

  constructor(mount: HangingMount) {
    this.#mount = mount;
  }

  get socket(): string {
    return `${this.#root}/containerd/containerd.sock`;
  }

  get layer(): string {
    return `${this.#root}/snapshots/7/fs`;
  }

  get pod(): string {
    return `${this.#root}/kubelet/pods/${UID}`;
  }

  volume(plugin: string, name: string): string {
    return `${this.pod}/volumes/kubernetes.io~${plugin}/${name}`;
  }

  readonly logs = `/var/log/pods/shop_web-0_${UID}`;

  /** Creates the directories; the layer is that of a root with the host's files. */
  async make(): Promise<void> {
    const { layer, pod, logs } = this;
    const cache = this.volume("empty-dir", "cache");
    const token = this.volume("projected", "kube-api-access-x7k2p");
    const claim = `${this.volume("csi", "pvc-1")}/mount`;
    const snapshots = `${this.#root}/snapshots`;
    await this.run(`
      mkdir -p ${cache}/sub ${token} ${claim} ${snapshots} ${this.#root}/root
      mount -t tmpfs -o size=1m tmpfs ${token}
      mount -t tmpfs -o size=64m tmpfs ${snapshots}
      mount --bind ${this.#mount.directory} ${claim}
      mkdir -p ${layer} ${snapshots}/7/work
      mount -t overlay -o lowerdir=/,upperdir=${layer},workdir=${snapshots}/7/work overlay ${this.#root}/root
      mount -t tmpfs tmpfs /var/log
      mkdir -p ${logs}/app
      printf '%5000s' x >${cache}/sub/a
      ln ${cache}/sub/a ${cache}/b
      printf x >${token}/token
      printf '127.0.0.1 localhost' >${pod}/etc-hosts
      printf '%20000s' x >${logs}/app/0.log
      : >${logs}/app/1.log
      printf x >${logs}/hook.log
      printf '%30000s' x >${this.#root}/root/written
    `);
  }

  /** Writes containerd's bundle of the container. */
  writeBundle(pid: number): void {
    const bundle =
      `${this.#root}/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}`;
    Deno.mkdirSync(bundle, { recursive: true });
    const annotations = {
      "io.kubernetes.cri.container-type": "container",
      "io.kubernetes.cri.container-name": "app",
      "io.kubernetes.cri.sandbox-name": "web-0",
      "io.kubernetes.cri.sandbox-namespace": "shop",
      "io.kubernetes.cri.sandbox-uid": UID,
    };
    Deno.writeTextFileSync(
      `${bundle}/config.json`,
      JSON.stringify({ annotations }),
    );
    Deno.writeTextFileSync(`${bundle}/init.pid`, String(pid));
  }

  /** A script that runs a process in the container's root. */
  get program(): string {
    return `exec ${
      this.#mount.inside.join(" ")
    } chroot ${this.#root}/root sleep 1000`;
  }

  async du(...paths: readonly string[]): Promise<Usage> {
    let [bytes, inodes] = [0, 0];
    for (const path of paths) {
      bytes += parseInt(await this.run(`du -xs --block-size=1 ${path}`));
      inodes += parseInt(await this.run(`du -xs --inodes ${path}`));
    }
    return [bytes, inodes];
  }

  /** Runs a shell script in the mount namespace; returns its output. */
  async run(script: string): Promise<string> {
    const [program = "", ...before] = this.#mount.inside;
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: [...before, "sh", "-ec", script],
      stdin: "null",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#root, { recursive: true });
  }
}

// deno-lint-ignore no-explicit-any
type Json = any;

const usageOf = ({ usedBytes, inodesUsed }: Json): Usage => [
  usedBytes,
  inodesUsed,
];

Deno.test({
  name:
    "/stats/summary returns a pod's disk usage like du and statfs, and responds while a volume hangs",
  ignore: !CAN_HANG || !CAN_MAKE_CGROUPS,
  async fn() {
    await using mount = new HangingMount();
    await mount.waitForLine("mounted");
    using disk = new PodDisk(mount);
    await using cgroups = new TestCgroups("summary");
    await disk.make();
    const below = `/kubepods/burstable/pod${UID}/${ID}`;
    cgroups.make(below);
    const child = cgroups.spawn(below, disk.program);
    disk.writeBundle(child.pid);
    const agent = await AgentProcess.start(
      ["--event-log=none", `--containerd=unix://${disk.socket}`],
      {},
      [...mount.inside, AGENT],
    );
    const summary = async () => {
      const { node, pods }: Json = await agent.json("/stats/summary");
      const pod = pods.find(({ podRef }: Json) => podRef.uid === UID);
      return { node, pod, container: pod?.containers[0] };
    };
    try {
      const isCounted = async () => {
        const { pod } = await summary();
        return pod?.volume?.length === 3 &&
          pod["ephemeral-storage"] !== undefined;
      };
      assert(await until(isCounted, { everyMs: 50 }));
      const { node, pod, container } = await summary();
      assertEquals(pod.podRef, { name: "web-0", namespace: "shop", uid: UID });
      assertEquals(container.name, "app");
      assertGreater(container.memory.workingSetBytes, 0);

      assertEquals(usageOf(container.rootfs), await disk.du(disk.layer));
      assertEquals(container.rootfs.capacityBytes, 64 * MIB);
      assertEquals(node.runtime.imageFs.capacityBytes, 64 * MIB);
      assertEquals(
        usageOf(container.logs),
        await disk.du(`${disk.logs}/app/0.log`, `${disk.logs}/app/1.log`),
      );
      const [blocks, blockBytes] =
        (await disk.run(`stat -f -c '%b %S' ${disk.pod}`)).split(" ").map(
          Number,
        );
      assertEquals(node.fs.capacityBytes, (blocks ?? 0) * (blockBytes ?? 0));

      const volume = (name: string) =>
        pod.volume.find((volume: Json) => volume.name === name);
      const cache = disk.volume("empty-dir", "cache");
      assertEquals(usageOf(volume("cache")), await disk.du(cache));
      assertEquals(volume("cache").capacityBytes, node.fs.capacityBytes);
      const token = volume("kube-api-access-x7k2p");
      assertEquals(
        usageOf(token),
        await disk.du(
          disk.volume("projected", "kube-api-access-x7k2p"),
        ),
      );
      assertEquals(token.capacityBytes, MIB);
      const { time: _, ...claim } = volume("pvc-1");
      assertEquals(claim, {
        name: "pvc-1",
        availableBytes: HANGING.availableBlocks * HANGING.blockBytes,
        capacityBytes: HANGING.blocks * HANGING.blockBytes,
        usedBytes: (HANGING.blocks - HANGING.freeBlocks) * HANGING.blockBytes,
        inodesFree: HANGING.freeFiles,
        inodes: HANGING.files,
        inodesUsed: HANGING.files - HANGING.freeFiles,
      });
      assertEquals(
        usageOf(pod["ephemeral-storage"]),
        await disk.du(
          disk.layer,
          `${disk.logs}/app/0.log`,
          `${disk.logs}/app/1.log`,
          cache,
          `${disk.logs}/hook.log`,
          `${disk.pod}/etc-hosts`,
        ),
      );

      await mount.order("hang");
      const isStale = async () => {
        const startMs = performance.now();
        const { pod } = await summary();
        // Each of them, although a file system hangs: for 2 s, then it is stale.
        assertLess(performance.now() - startMs, 2_000);
        assertEquals(pod.volume.length, 3);
        const { sources } = await agent.json("/readyz");
        return sources.some(({ name, state }: Json) =>
          name === "filesystems" && state === "degraded"
        );
      };
      assert(await until(isStale, { everyMs: 50 }));
      const { pod: later } = await summary();
      const { time: __, ...kept } = later.volume.find(({ name }: Json) =>
        name === "pvc-1"
      );
      assertEquals(kept, claim);
    } finally {
      // A hanging process cannot be killed.
      await mount.order("answer");
      await agent.stop();
    }
  },
});
