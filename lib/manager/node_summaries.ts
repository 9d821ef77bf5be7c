import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { FsInfo } from "../model/filesystem.ts";
import type { Logger } from "../model/logger.ts";
import type {
  DescribedContainer,
  NodeFilesystems,
  NodeSummary,
  NodeSummaryOptions,
  PodSummary,
} from "../model/node_summary.ts";
import type { EventManager } from "../events/event_manager.ts";
import { parseUptime } from "../kernfs/proc/boot_time.ts";
import type { CgroupView } from "../kernfs/proc/cgroup_namespace.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { readTaskLimits } from "../kernfs/proc/task_limits.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import type { MachineCache } from "./machine_cache.ts";
import type { ManagedContainer } from "./managed_container.ts";
import type { PodDiskUsage } from "./pod_disk_usage.ts";
import { NodePrograms } from "./node_programs.ts";
import { groupByPod } from "./pods.ts";
import { KUBELETS, RUNTIMES } from "./system_containers.ts";

/** Dependencies. */
export interface NodeSummariesOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Pick<EventManager, "node">;
  readonly machine: Pick<MachineCache, "filesystems" | "rootFsInfo">;
  readonly podDiskUsage: Pick<
    PodDiskUsage,
    "measure" | "isBehind" | "caughtUp"
  >;
  /** Mapping of cgroup names in `/proc`. @default that of the host */
  readonly cgroupView?: CgroupView;
}

/** Maximum wait for disk usage that was never counted; slower counts are left out. */
const FIRST_COUNT_MS = 2_000;

/** Builds node summaries. */
export class NodeSummaries {
  readonly #options: NodeSummariesOptions;
  readonly #programs: NodePrograms;

  constructor(options: NodeSummariesOptions) {
    this.#options = options;
    this.#programs = new NodePrograms(options.fs, {
      clock: options.clock,
      names: [...KUBELETS, ...RUNTIMES],
      view: options.cgroupView,
    });
  }

  async build(
    containers: readonly ManagedContainer[],
    { onlyCpuAndMemory = false }: NodeSummaryOptions,
  ): Promise<NodeSummary> {
    const { fs, clock, events, podDiskUsage } = this.#options;
    const grouped = groupByPod(
      await this.#describe(containers),
      await this.#programs.list(),
    );
    const uptime = fs.readText("/proc/uptime");
    const summary: NodeSummary = {
      ...grouped,
      nodeName: events.node,
      ...(uptime !== undefined && {
        bootMs: clock.now() - parseUptime(uptime) * 1000,
      }),
      tasks: readTaskLimits(fs, clock.now()),
      filesystems: {},
    };
    if (onlyCpuAndMemory) return summary;
    const root = await this.#rootFilesystem();
    let pods = podDiskUsage.measure(grouped.pods, root);
    const endMs = clock.monotonic() + FIRST_COUNT_MS;
    // A first count may find volumes to count next.
    while (podDiskUsage.isBehind && await this.#catchUp(endMs)) {
      const { pods: again } = groupByPod(await this.#describe(containers));
      pods = podDiskUsage.measure(again, root);
    }
    return { ...summary, pods, filesystems: this.#filesystems(root, pods) };
  }

  /** Returns whether pending counts ended in time. */
  async #catchUp(endMs: number): Promise<boolean> {
    const { clock, podDiskUsage } = this.#options;
    const timer = new AbortController();
    await Promise.race([
      podDiskUsage.caughtUp(),
      sleep(clock, endMs - clock.monotonic(), timer.signal),
    ]);
    timer.abort();
    return clock.monotonic() < endMs;
  }

  async #describe(
    containers: readonly ManagedContainer[],
  ): Promise<DescribedContainer[]> {
    const { clock, logger } = this.#options;
    const described: DescribedContainer[] = [];
    const slicer = new TimeSlicer(clock);
    slicer.begin();
    for (const container of containers) {
      const { reference } = container;
      try {
        const [stats] = container.stats({ count: 1 });
        const { spec, isOnHostNetwork } = container;
        described.push({
          reference,
          spec,
          ...(stats !== undefined && { stats }),
          ...(isOnHostNetwork && { isOnHostNetwork }),
        });
      } catch (error) {
        logger.debug("Cannot describe a container, leaving it out", {
          container: reference.name,
          error: messageOf(error),
        });
      }
      if (!slicer.isExpired) continue;
      await slicer.yieldToEventLoop();
    }
    return described;
  }

  /** Returns `undefined` if the file system hangs or does not exist. */
  async #rootFilesystem(): Promise<FsInfo | undefined> {
    const { machine, logger } = this.#options;
    try {
      return await machine.rootFsInfo();
    } catch (error) {
      logger.debug("Cannot read the node's file system, leaving it out", {
        error: messageOf(error),
      });
      return undefined;
    }
  }

  /**
   * Returns the file systems of images and layers: for both that of the pods'
   * layers, where containerd and Docker keep images; by labels for CRI-O, and
   * without pods.
   */
  #filesystems(
    root: FsInfo | undefined,
    pods: readonly PodSummary[],
  ): NodeFilesystems {
    const all = this.#options.machine.filesystems.withLabel();
    const withAnyLabel = (...expected: string[]) =>
      all.find(({ labels }) =>
        expected.some((label) => labels.includes(label))
      );
    const layers = pods.flatMap(({ containers }) => containers)
      .find(({ rootfs }) => rootfs?.filesystem !== undefined)
      ?.rootfs?.filesystem;
    // Another runtime's labels, such as Podman's, are not those of the pods.
    const crio = withAnyLabel("crio-containers");
    const isForeign = layers !== undefined && layers.device !== crio?.device;
    const containers = isForeign ? layers : crio ?? layers;
    const images = isForeign
      ? layers
      : withAnyLabel("docker-images", "crio-images") ?? layers;
    return {
      ...(root !== undefined && { root }),
      ...(images !== undefined && { images }),
      ...(containers !== undefined && { containers }),
    };
  }
}
