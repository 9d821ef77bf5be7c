import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type {
  ContainerReference,
  ContainerSpec,
  RequestOptions,
} from "../model/container.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { RowLayout } from "../model/sample.ts";
import type { ManagedContainer } from "../manager/managed_container.ts";
import type { Manager } from "../manager/manager.ts";
import { parseCgroupOrigin } from "../runtimes/cgroup_origin.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import { formatLabels } from "./labels.ts";
import {
  containerLabels,
  type ContainerSnapshot,
  type PodName,
  podOf,
} from "./container_snapshot.ts";

export interface ContainerCollectorOptions {
  readonly manager: Pick<
    Manager,
    "removedContainer" | "managedContainers" | "oomKills"
  >;
  /** Maximum age of samples, if the request has none. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CollectedContainers {
  readonly containers: readonly ContainerSnapshot[];
  /** Omitted because of an error. */
  readonly failed: number;
}

const NO_ROW = new Float64Array();
const NO_LAYOUT = new RowLayout();

/** Labels, and the inputs they were formatted from. */
interface CachedLabels {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  readonly pod: PodName | undefined;
  readonly labels: string;
}

/** Collects all containers in time slices. */
export class ContainerCollector {
  readonly #options: ContainerCollectorOptions;
  /** Last labels of containers with OOM kills, for use after their removal. */
  #killedLabels = new Map<CgroupName, string>();
  readonly #cachedLabels = new WeakMap<ManagedContainer, CachedLabels>();

  constructor(options: ContainerCollectorOptions) {
    this.#options = options;
  }

  /**
   * Returns the requested containers and, except for a runtime's type, removed
   * ones with OOM kills.
   */
  async containers(request: RequestOptions): Promise<CollectedContainers> {
    const { manager, clock, maxAgeMs } = this.#options;
    const found = await manager.managedContainers(ROOT, {
      maxAgeMs,
      ...request,
      recursive: true,
    });
    const kills = new Map(manager.oomKills());
    const nowMs = clock.now();
    const pods = new Map<CgroupName, PodName>();
    const specs = await this.#specsOf(found);
    for (const [{ name }, spec] of specs) {
      const pod = podOf(spec);
      // A pod's cgroup has no labels: its containers name it.
      if (pod === undefined) continue;
      pods.set(name, pod);
      const parent = parentOf(name);
      if (parseCgroupOrigin(parent)?.kind === "pod") pods.set(parent, pod);
    }
    const slicer = new TimeSlicer(clock);
    slicer.begin();
    const containers: ContainerSnapshot[] = [];
    for (const [container, spec] of specs) {
      containers.push(this.#snapshot(container, {
        spec,
        pod: pods.get(container.name),
        oomKills: kills.get(container.name) ?? 0,
        nowMs,
      }));
      if (!slicer.isExpired) continue;
      await slicer.yieldToEventLoop();
    }
    const { type = "name" } = request;
    if (type === "name") containers.push(...this.#removed(containers, kills));
    return { containers, failed: found.length - specs.size };
  }

  #snapshot(
    container: ManagedContainer,
    { spec, pod, oomKills, nowMs }:
      & Pick<ContainerSnapshot, "oomKills" | "nowMs">
      & Pick<CachedLabels, "spec" | "pod">,
  ): ContainerSnapshot {
    const { reference, latest, handler } = container;
    // Series of containers' and pods' file systems would be short-lived.
    const filesystems = handler.filesystems?.(nowMs)
      ?.filter(({ isOfContainer }) => !isOfContainer);
    return {
      reference,
      labels: this.#labelsOf(container, { reference, spec, pod }),
      spec,
      row: latest.sample?.row ?? NO_ROW,
      layout: latest.layout,
      layoutVersion: latest.layout.version,
      ...(filesystems !== undefined && { filesystems }),
      oomKills,
      nowMs,
      deviceName: (device) => handler.deviceName(device),
    };
  }

  #labelsOf(
    container: ManagedContainer,
    { reference, spec, pod }: Omit<CachedLabels, "labels">,
  ): string {
    const cached = this.#cachedLabels.get(container);
    if (
      cached?.reference === reference && cached.spec === spec &&
      cached.pod?.name === pod?.name &&
      cached.pod?.namespace === pod?.namespace
    ) return cached.labels;
    const labels = containerLabels(reference, spec, pod);
    this.#cachedLabels.set(container, { reference, spec, pod, labels });
    return labels;
  }

  async #specsOf(
    containers: readonly ManagedContainer[],
  ): Promise<Map<ManagedContainer, ContainerSpec>> {
    const { clock, logger } = this.#options;
    const slicer = new TimeSlicer(clock);
    slicer.begin();
    const specs = new Map<ManagedContainer, ContainerSpec>();
    for (const container of containers) {
      try {
        specs.set(container, container.specNoOlderThan(Infinity));
      } catch (error) {
        logger.debug("Cannot read a container's limits, omitting it", {
          container: container.reference.name,
          error: messageOf(error),
        });
      }
      if (!slicer.isExpired) continue;
      await slicer.yieldToEventLoop();
    }
    return specs;
  }

  /**
   * Returns removed containers with OOM kills, and stores the labels of all
   * with OOM kills.
   */
  #removed(
    existing: readonly ContainerSnapshot[],
    kills: ReadonlyMap<CgroupName, number>,
  ): ContainerSnapshot[] {
    if (kills.size === 0) {
      this.#killedLabels = new Map();
      return [];
    }
    const labels = new Map(this.#killedLabels);
    for (const { reference, labels: text } of existing) {
      labels.set(reference.name, text);
    }
    this.#killedLabels = new Map(
      [...kills.keys()].flatMap((name) => {
        const text = labels.get(name);
        return text === undefined ? [] : [[name, text]];
      }),
    );
    const names = new Set(existing.map(({ reference }) => reference.name));
    return [...kills].filter(([name]) => !names.has(name))
      .map(([name, oomKills]) => ({
        reference: { name },
        labels: this.#removedLabels(name) ?? labels.get(name) ??
          formatLabels([["id", name]]),
        row: NO_ROW,
        layout: NO_LAYOUT,
        layoutVersion: NO_LAYOUT.version,
        oomKills,
        nowMs: 0,
        deviceName: () => undefined,
      }));
  }

  /** Labels from the stored identity, if no scrape found the container. */
  #removedLabels(name: CgroupName): string | undefined {
    const removed = this.#options.manager.removedContainer(name);
    return removed &&
      containerLabels(removed.reference, removed, podOf(removed));
  }
}
