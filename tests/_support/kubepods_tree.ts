import type { CgroupName } from "../../lib/model/cgroup.ts";
import { readRecorded, RecordedTree, unpack } from "./recorded_tree.ts";

/** Cgroup driver of the kubelet. */
export type CgroupDriver = "cgroupfs" | "systemd";

const BURSTABLE = "0f1e2d3c-1111-2222-3333-444455556666";
const GUARANTEED = "aaaa1111-bbbb-2222-cccc-333344445555";
/** UID of a static pod: a hash without dashes. */
const STATIC = "0123456789abcdef0123456789abcdef";

const id = (digit: string) => digit.repeat(64);

/** Labels from the runtime, by the last digit of the container ID. */
const LABELS: Readonly<
  Record<string, readonly [pod: string, uid: string, container?: string]>
> = {
  // containerd's sandboxes have no container name.
  "1": ["web-0", BURSTABLE],
  "2": ["web-0", BURSTABLE, "app"],
  "3": ["web-0", BURSTABLE, "sidecar"],
  "4": ["etcd-n1", STATIC, "POD"],
  "5": ["etcd-n1", STATIC, "etcd"],
};

const DUMPS = {
  slice: "6.1-v2-kubepods-slice.txt",
  container: "6.1-v2-docker.txt",
} as const;

/**
 * A hand-written host with three pods: cgroup names as the kubelet creates them
 * (1.30, containerd), with recorded files of other hosts.
 */
export class KubepodsTree implements Disposable {
  readonly recorded = new RecordedTree("6.1-v2");
  /** By class, pod and container. */
  readonly names: readonly CgroupName[];

  constructor(driver: CgroupDriver) {
    const { pods, containers } = cgroupsOf(driver);
    this.names = [...pods, ...containers];
    for (
      const [dump, names] of [[DUMPS.slice, pods], [
        DUMPS.container,
        containers,
      ]] as const
    ) {
      const text = readRecorded("cgroup", dump);
      for (const name of names) {
        unpack(this.recorded.root, text, `/sys/fs/cgroup${name}`);
      }
    }
    this.recorded.root
      .file("proc/uptime", "1760.24 3391.07\n")
      .file("proc/loadavg", "0.20 0.18 0.12 1/80 11206\n")
      .file("proc/sys/kernel/pid_max", "32768\n")
      .file("proc/sys/kernel/threads-max", "192000\n");
  }

  [Symbol.dispose](): void {
    this.recorded[Symbol.dispose]();
  }
}

/**
 * Returns the labels that a runtime reports for a container; none for the
 * guaranteed pod.
 */
export function labelsOf(
  name: CgroupName,
): Readonly<Record<string, string>> | undefined {
  const digit = /(\d)\1{63}(\.scope)?$/.exec(name)?.[1] ?? "";
  const [pod, uid = "", container] = LABELS[digit] ?? [];
  if (pod === undefined) return undefined;
  return {
    "io.kubernetes.pod.name": pod,
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": uid,
    ...(container !== undefined && {
      "io.kubernetes.container.name": container,
    }),
  };
}

function cgroupsOf(
  driver: CgroupDriver,
): { pods: CgroupName[]; containers: CgroupName[] } {
  if (driver === "cgroupfs") {
    const burstable = `/kubepods/burstable/pod${BURSTABLE}`;
    const guaranteed = `/kubepods/pod${GUARANTEED}`;
    const fixed = `/kubepods/besteffort/pod${STATIC}`;
    return {
      pods: [
        "/kubepods",
        "/kubepods/burstable",
        "/kubepods/besteffort",
        burstable,
        guaranteed,
        fixed,
      ],
      containers: [
        ...["1", "2", "3"].map((digit) => `${burstable}/${id(digit)}`),
        ...["4", "5"].map((digit) => `${fixed}/${id(digit)}`),
        `${guaranteed}/${id("6")}`,
      ],
    };
  }
  const slice = (qos: string, uid: string) =>
    `/kubepods.slice${qos && `/kubepods-${qos}.slice`}/kubepods-${
      qos && `${qos}-`
    }pod${uid.replaceAll("-", "_")}.slice`;
  const scope = (pod: string, digit: string) =>
    `${pod}/cri-containerd-${id(digit)}.scope`;
  const burstable = slice("burstable", BURSTABLE);
  const guaranteed = slice("", GUARANTEED);
  const fixed = slice("besteffort", STATIC);
  return {
    pods: [
      "/kubepods.slice",
      "/kubepods.slice/kubepods-burstable.slice",
      "/kubepods.slice/kubepods-besteffort.slice",
      burstable,
      guaranteed,
      fixed,
    ],
    containers: [
      ...["1", "2", "3"].map((digit) => scope(burstable, digit)),
      ...["4", "5"].map((digit) => scope(fixed, digit)),
      scope(guaranteed, "6"),
    ],
  };
}
