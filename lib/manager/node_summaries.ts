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
import type { PodDisks } from "./pod_disks.ts";
import { NodePrograms } from "./node_programs.ts";
import { groupByPod } from "./pods.ts";
import { KUBELETS, RUNTIMES } from "./system_containers.ts";

/** What summaries of a node are made of. */
export interface NodeSummariesOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Pick<EventManager, "node">;
  readonly machine: Pick<MachineCache, "filesystems" | "rootFsInfo">;
  readonly podDisks: Pick<PodDisks, "measure" | "isBehind" | "caughtUp">;
  /** How `/proc` names cgroups. @default as the host does */
  readonly cgroupView?: CgroupView;
}

/** A summary waits so long for what was never counted; it leaves out what takes longer. */
const FIRST_COUNT_MS = 2_000;

/** Makes the summary of a node, of its containers as they are kept. */
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

  /** The node, its pods and what they use. */
  async make(
    containers: readonly ManagedContainer[],
    { onlyCpuAndMemory = false }: NodeSummaryOptions,
  ): Promise<NodeSummary> {
    const { fs, clock, events, podDisks } = this.#options;
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
    let pods = podDisks.measure(grouped.pods, root);
    const endMs = clock.monotonic() + FIRST_COUNT_MS;
    // What one count finds, such as a volume, may be counted next.
    while (podDisks.isBehind && await this.#catchUp(endMs)) {
      const { pods: again } = groupByPod(await this.#describe(containers));
      pods = podDisks.measure(again, root);
    }
    return { ...summary, pods, filesystems: this.#filesystems(root, pods) };
  }

  /** Whether all that is to be counted was counted in time. */
  async #catchUp(endMs: number): Promise<boolean> {
    const { clock, podDisks } = this.#options;
    const timer = new AbortController();
    await Promise.race([
      podDisks.caughtUp(),
      sleep(clock, endMs - clock.monotonic(), timer.signal),
    ]);
    timer.abort();
    return clock.monotonic() < endMs;
  }

  /** Those that can be told of. */
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
        logger.debug("Cannot tell of a container, leaving it out", {
          container: reference.name,
          error: messageOf(error),
        });
      }
      if (!slicer.isExpired) continue;
      await slicer.yieldToEventLoop();
    }
    return described;
  }

  /** Undefined where it does not answer, or is not there. */
  async #rootFilesystem(): Promise<FsInfo | undefined> {
    const { machine, logger } = this.#options;
    try {
      return await machine.rootFsInfo();
    } catch (error) {
      logger.debug("Cannot tell of the node's file system", {
        error: messageOf(error),
      });
      return undefined;
    }
  }

  /**
   * Images and layers are where their label says, or else where the layers of
   * pods are: containerd keeps both in one place.
   */
  #filesystems(
    root: FsInfo | undefined,
    pods: readonly PodSummary[],
  ): NodeFilesystems {
    const all = this.#options.machine.filesystems.withLabel();
    const labelled = (...wanted: string[]) =>
      all.find(({ labels }) => wanted.some((label) => labels.includes(label)));
    const layers = pods.flatMap(({ containers }) => containers)
      .find(({ rootfs }) => rootfs?.filesystem !== undefined)
      ?.rootfs?.filesystem;
    const images = labelled("docker-images", "crio-images") ?? layers;
    const containers = labelled("crio-containers") ?? layers;
    return {
      ...(root !== undefined && { root }),
      ...(images !== undefined && { images }),
      ...(containers !== undefined && { containers }),
    };
  }
}
