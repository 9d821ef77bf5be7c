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
import { Pace } from "../model/pace.ts";
import { formatLabels } from "./labels.ts";
import {
  containerLabels,
  type Measured,
  type PodName,
  podOf,
} from "./measured.ts";

/** What {@linkcode Scraper} stands on. */
export interface ScraperOptions {
  readonly manager: Pick<
    Manager,
    "removedContainer" | "managedContainers" | "oomKills"
  >;
  /** An older sample is taken anew, unless the request says how old it may be. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The containers of one scrape. */
export interface Scraped {
  readonly containers: readonly Measured[];
  /** Containers that could not be told of. */
  readonly failed: number;
}

const NO_ROW = new Float64Array();
const NO_LAYOUT = new RowLayout();

/** The labels of a container, and what they were made of. */
interface KnownLabels {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  readonly pod: PodName | undefined;
  readonly labels: string;
}

/** Takes down what all containers are at one moment, in slices of time. */
export class Scraper {
  readonly #options: ScraperOptions;
  /** Labels of those that were killed in, for when they are gone. */
  #labels = new Map<CgroupName, string>();
  readonly #known = new WeakMap<ManagedContainer, KnownLabels>();

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  /** The containers asked for; of all, also those that were killed in and are gone. */
  async containers(request: RequestOptions): Promise<Scraped> {
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
      // The cgroup of a pod bears no label: its containers tell whose it is.
      if (pod === undefined) continue;
      pods.set(name, pod);
      const above = parentOf(name);
      if (parseCgroupOrigin(above)?.kind === "pod") pods.set(above, pod);
    }
    const pace = new Pace(clock);
    pace.begin();
    const containers: Measured[] = [];
    for (const [container, spec] of specs) {
      containers.push(this.#measure(container, {
        spec,
        pod: pods.get(container.name),
        oomKills: kills.get(container.name) ?? 0,
        nowMs,
      }));
      if (!pace.spent) continue;
      await pace.rest();
    }
    const { type = "name" } = request;
    if (type === "name") containers.push(...this.#ended(containers, kills));
    return { containers, failed: found.length - specs.size };
  }

  #measure(
    container: ManagedContainer,
    { spec, pod, oomKills, nowMs }:
      & Pick<Measured, "oomKills" | "nowMs">
      & Pick<KnownLabels, "spec" | "pod">,
  ): Measured {
    const { reference, latest, handler } = container;
    // Those of containers and pods come and go, and are told of these.
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

  /** Made anew only where what they are made of is not the same any more. */
  #labelsOf(
    container: ManagedContainer,
    { reference, spec, pod }: Omit<KnownLabels, "labels">,
  ): string {
    const known = this.#known.get(container);
    if (
      known?.reference === reference && known.spec === spec &&
      known.pod?.name === pod?.name && known.pod?.namespace === pod?.namespace
    ) return known.labels;
    const labels = containerLabels(reference, spec, pod);
    this.#known.set(container, { reference, spec, pod, labels });
    return labels;
  }

  async #specsOf(
    containers: readonly ManagedContainer[],
  ): Promise<Map<ManagedContainer, ContainerSpec>> {
    const { clock, logger } = this.#options;
    const pace = new Pace(clock);
    pace.begin();
    const specs = new Map<ManagedContainer, ContainerSpec>();
    for (const container of containers) {
      try {
        specs.set(container, container.specWithin(Infinity));
      } catch (error) {
        logger.debug("Cannot tell of a container, leaving it out", {
          container: container.reference.name,
          error: messageOf(error),
        });
      }
      if (!pace.spent) continue;
      await pace.rest();
    }
    return specs;
  }

  /** Those that are gone, and whose kills are still told. */
  #ended(
    living: readonly Measured[],
    kills: ReadonlyMap<CgroupName, number>,
  ): Measured[] {
    if (kills.size === 0) {
      this.#labels = new Map();
      return [];
    }
    const labels = new Map(this.#labels);
    for (const { reference, labels: text } of living) {
      labels.set(reference.name, text);
    }
    this.#labels = new Map(
      [...kills.keys()].flatMap((name) => {
        const known = labels.get(name);
        return known === undefined ? [] : [[name, known]];
      }),
    );
    const names = new Set(living.map(({ reference }) => reference.name));
    return [...kills].filter(([name]) => !names.has(name))
      .map(([name, oomKills]) => ({
        reference: { name },
        labels: this.#endedLabels(name) ?? labels.get(name) ??
          formatLabels([["id", name]]),
        row: NO_ROW,
        layout: NO_LAYOUT,
        layoutVersion: NO_LAYOUT.version,
        oomKills,
        nowMs: 0,
        deviceName: () => undefined,
      }));
  }

  /** Of one that may have lived between two scrapes. */
  #endedLabels(name: CgroupName): string | undefined {
    const ended = this.#options.manager.removedContainer(name);
    return ended && containerLabels(ended.reference, ended, podOf(ended));
  }
}
