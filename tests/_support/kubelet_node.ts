import { walkSync } from "@std/fs/walk";
import { type CgroupDriver, KubepodsTree, labelsOf } from "./kubepods_tree.ts";

/** Parts that a node may lack. */
export const NODE_PARTS = [
  "filesystems",
  "kubelet",
  "layers",
  "limits",
  "logs",
  "network",
  "pressure",
  "processes",
  "runtime",
  "swap",
  "tasks",
] as const;

/** A part that a node may lack. */
export type NodePart = typeof NODE_PARTS[number];

/** The pod with all data. */
export const POD_UID = "0f1e2d3c-1111-2222-3333-444455556666";
/** The pod's tested container, and another one. */
export const CONTAINER_IDS: readonly string[] = ["2", "3"]
  .map((digit) => digit.repeat(64));

const KUBELET = "/var/lib/k0s/kubelet";
const VOLUMES = `${KUBELET}/pods/${POD_UID}/volumes`;
const LOGS = `/var/log/pods/shop_web-0_${POD_UID}`;
const SNAPSHOTS =
  "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots";
const BUNDLES = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";

/** Mount points by file system. */
const MOUNTS: readonly (readonly [minor: number, mountPoint: string])[] = [
  [70, `${VOLUMES}/kubernetes.io~projected/kube-api-access-x7k2p`],
  [71, `${VOLUMES}/kubernetes.io~csi/pvc-1/mount`],
];

const NET_DEV = `Inter-|   Receive                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 1000 10 1 0 0 0 0 0 2000 20 2 0 0 0 0 0
  eth1: 3000 30 3 0 0 0 0 0 4000 40 4 0 0 0 0 0
`;

/** PIDs by container: the last digit is that of the container's ID. */
const pidOf = (digit: string) => 4710 + Number(digit);

/**
 * A hand-written Kubernetes node with containerd and the kubelet's files; its
 * cgroups are those of {@linkcode KubepodsTree}.
 */
export class KubeletNode implements Disposable {
  readonly #tree: KubepodsTree;
  readonly #driver: CgroupDriver;

  constructor(driver: CgroupDriver, lacks?: NodePart) {
    this.#tree = new KubepodsTree(driver);
    this.#driver = driver;
    this.#addMounts(lacks);
    if (lacks !== "runtime") this.#addRuntime();
    if (lacks !== "layers") this.#addLayers();
    if (lacks !== "network") this.#addNetworks();
    if (lacks !== "kubelet") this.#addVolumes();
    if (lacks !== "logs") {
      this.file(`${LOGS}/app/0.log`, "x".repeat(5_000))
        .file(`${LOGS}/app/1.log`, "")
        .file(`${LOGS}/app/old/0.log`, "of no interest")
        .file(`${LOGS}/sidecar/0.log`, "x")
        .file(`${LOGS}/hook.log`, "x");
    }
    this.#addSwap(lacks !== "swap");
    this.#addLimits(lacks !== "limits", lacks !== "swap");
    if (lacks === "tasks") this.#take(/^proc\/(loadavg|sys\/kernel\/)/);
    if (lacks === "pressure") this.#take(/\.pressure$/);
    if (lacks === "processes") this.#take(/\/cgroup\.procs$/);
  }

  get root(): string {
    return this.#tree.recorded.root.path;
  }

  file(path: string, text: string): this {
    this.#tree.recorded.root.file(path, text);
    return this;
  }

  /** Returns a control file of the cgroup whose name has this suffix. */
  control(ending: string, file: string): string {
    const name = this.#tree.names.find((name) => name.endsWith(ending)) ?? "";
    return Deno.readTextFileSync(
      `${this.root}/sys/fs/cgroup${name}/${file}`,
    );
  }

  /** Cgroup of all pods. */
  get podsCgroup(): string {
    return this.#driver === "cgroupfs" ? "/kubepods" : "/kubepods.slice";
  }

  /** Suffix of the pod's cgroup. */
  get podCgroup(): string {
    return this.#driver === "cgroupfs"
      ? `/pod${POD_UID}`
      : `-pod${POD_UID.replaceAll("-", "_")}.slice`;
  }

  /** Suffix of the container's cgroup. */
  get containerCgroup(): string {
    const [id = ""] = CONTAINER_IDS;
    return this.#driver === "cgroupfs" ? `/${id}` : `-${id}.scope`;
  }

  /** Returns the disk usage and number of files of paths and their subtrees. */
  usage(...paths: readonly string[]): { bytes: number; inodes: number } {
    const sum = { bytes: 0, inodes: 0 };
    for (const path of paths) {
      const info = Deno.lstatSync(this.root + path);
      sum.bytes += (info.blocks ?? 0) * 512;
      sum.inodes++;
      if (!info.isDirectory) continue;
      for (const { name } of Deno.readDirSync(this.root + path)) {
        const below = this.usage(`${path}/${name}`);
        sum.bytes += below.bytes;
        sum.inodes += below.inodes;
      }
    }
    return sum;
  }

  /** Directories of the pod's disk usage. */
  readonly places = {
    cache: `${VOLUMES}/kubernetes.io~empty-dir/cache`,
    config: `${VOLUMES}/kubernetes.io~configmap/config`,
    hosts: `${KUBELET}/pods/${POD_UID}/etc-hosts`,
    // Log files are counted, but not their directories.
    log: `${LOGS}/app/0.log`,
    emptyLog: `${LOGS}/app/1.log`,
    otherLog: `${LOGS}/sidecar/0.log`,
    podLog: `${LOGS}/hook.log`,
    layer: `${SNAPSHOTS}/2/fs`,
    otherLayer: `${SNAPSHOTS}/3/fs`,
    token: MOUNTS[0]?.[1] ?? "",
    claim: MOUNTS[1]?.[1] ?? "",
  } as const;

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }

  #addMounts(lacks: NodePart | undefined): void {
    const path = "proc/1/mountinfo";
    const all = Deno.readTextFileSync(`${this.root}/${path}`).split("\n");
    const text = lacks === "filesystems"
      ? all.filter((line) => line.includes(" - cgroup")).join("\n")
      : all.join("\n") +
        MOUNTS.map(([minor, mountPoint]) =>
          `${minor} 21 0:${minor} / ${mountPoint} rw - tmpfs tmpfs rw\n`
        ).join("");
    this.file(path, text).file("proc/self/mountinfo", text);
  }

  #addRuntime(): void {
    for (const digit of ["1", "2", "3", "4", "5"]) {
      const labels = labelsOf(`/${digit.repeat(64)}`) ?? {};
      const containerName = labels["io.kubernetes.container.name"];
      const isSandbox = digit === "1" || digit === "4";
      const annotations = {
        "io.kubernetes.cri.container-type": isSandbox ? "sandbox" : "container",
        "io.kubernetes.cri.sandbox-name": labels["io.kubernetes.pod.name"],
        "io.kubernetes.cri.sandbox-namespace":
          labels["io.kubernetes.pod.namespace"],
        "io.kubernetes.cri.sandbox-uid": labels["io.kubernetes.pod.uid"],
        ...(!isSandbox &&
          { "io.kubernetes.cri.container-name": containerName }),
      };
      const bundle = `${BUNDLES}/${digit.repeat(64)}`;
      const linux = { namespaces: [{ type: "network" }] };
      this.file(`${bundle}/config.json`, JSON.stringify({ annotations, linux }))
        .file(`${bundle}/init.pid`, String(pidOf(digit)));
    }
  }

  #addLayers(): void {
    for (const digit of ["2", "3"]) {
      const directory = `${SNAPSHOTS}/${digit}`;
      this.file(`${directory}/fs/etc/motd`, "x".repeat(9_000 * Number(digit)))
        .file(
          `proc/${pidOf(digit)}/mountinfo`,
          `50 1 0:90 / / rw - overlay overlay rw,upperdir=${directory}/fs,workdir=${directory}/work\n`,
        );
    }
  }

  #addNetworks(): void {
    for (const pid of [1, pidOf("1")]) {
      this.file(`proc/${pid}/net/dev`, NET_DEV);
    }
  }

  #addVolumes(): void {
    const { cache, config, hosts } = this.places;
    this.file(`${cache}/sub/file`, "x".repeat(20_000))
      .file(`${config}/..data/key`, "value")
      .file(hosts, "127.0.0.1 localhost\n");
    for (const [, mountPoint] of MOUNTS) this.file(`${mountPoint}/file`, "x");
  }

  #addSwap(isThere: boolean): void {
    const path = "proc/meminfo";
    const text = Deno.readTextFileSync(`${this.root}/${path}`)
      .replace(/^Swap(Total|Free):.*\n/gm, "");
    const swap = "SwapTotal:       1024 kB\nSwapFree:         256 kB\n";
    this.file(path, isThere ? text + swap : text);
    if (!isThere) this.#take(/\/memory\.swap\./);
  }

  #addLimits(areThere: boolean, hasSwap: boolean): void {
    for (const name of this.#tree.names) {
      const directory = `sys/fs/cgroup${name}`;
      this.file(`${directory}/memory.max`, areThere ? "67108864\n" : "max\n");
      if (!hasSwap) continue;
      this.file(
        `${directory}/memory.swap.max`,
        areThere ? "16777216\n" : "max\n",
      );
    }
  }

  #take(regexp: RegExp): void {
    const files = walkSync(this.root, { includeDirs: false });
    for (const { path } of [...files]) {
      if (regexp.test(path.slice(this.root.length + 1))) Deno.removeSync(path);
    }
  }
}
