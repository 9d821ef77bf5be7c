import type { HostFs } from "../kernfs/host_fs.ts";
import { messageOf } from "../model/errors.ts";
import type { NodeSummary } from "../model/node_summary.ts";
import type { ScrapeRequest } from "../model/scrape.ts";
import type { Manager } from "../manager/manager.ts";
import { AGENT_FAMILIES, type AgentCounters } from "./agent_families.ts";
import { CONTAINER_FAMILIES } from "./container_families.ts";
import { expositionText, type Section, section } from "./exposition.ts";
import { ExpositionCache } from "./exposition_cache.ts";
import { type Family, gauge } from "./family.ts";
import {
  type Machine,
  MACHINE_FAMILIES,
  machineLabels,
  VERSION_FAMILIES,
} from "./machine_families.ts";
import { type ContainerSnapshot, isUnchanged } from "./container_snapshot.ts";
import { PROCESS_FAMILIES, readProcessMetrics } from "./process_metrics.ts";
import { resourceSections } from "./resource_families.ts";
import {
  ContainerCollector,
  type ContainerCollectorOptions,
} from "./container_collector.ts";

export interface MetricsOptions extends ContainerCollectorOptions {
  readonly manager:
    & ContainerCollectorOptions["manager"]
    & Pick<
      Manager,
      | "counters"
      | "machineInfo"
      | "nodeSummary"
      | "sources"
      | "versionInfo"
    >;
  /** Enabled metric kinds. */
  readonly kinds: ReadonlySet<string>;
  /** For the agent's `/proc/self`. */
  readonly ownFs: HostFs;
  /** Counters of parts outside the manager. */
  readonly counters: () => Pick<AgentCounters, "eventLog" | "http" | "streams">;
}

export interface ScrapeResult {
  readonly containerError: boolean;
  readonly machineError: boolean;
}

/** Families of the scrape itself. */
export const RESULT_FAMILIES: readonly Family<ScrapeResult>[] = [
  gauge(
    "container_scrape_error",
    "1 if a container was omitted because of an error, otherwise 0.",
    ({ containerError }, emit) => emit(containerError ? 1 : 0),
  ),
  gauge(
    "machine_scrape_error",
    "1 if the machine's metrics were omitted because of an error, otherwise 0.",
    ({ machineError }, emit) => emit(machineError ? 1 : 0),
  ),
];

/** Selects families of enabled kinds. */
export function familiesOf<S>(
  families: readonly Family<S>[],
  kinds: ReadonlySet<string>,
): readonly Family<S>[] {
  return families.filter((family) =>
    family.kinds?.every((kind) => kinds.has(kind)) ?? true
  );
}

/** Renders metrics for Prometheus. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #collector: ContainerCollector;
  readonly #cache = new ExpositionCache<ContainerSnapshot>();
  readonly #containerFamilies: readonly Family<ContainerSnapshot>[];
  readonly #machineFamilies: readonly Family<Machine>[];

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#collector = new ContainerCollector(options);
    const { kinds } = options;
    this.#containerFamilies = familiesOf(CONTAINER_FAMILIES, kinds);
    this.#machineFamilies = familiesOf(MACHINE_FAMILIES, kinds);
  }

  /** Returns chunks, with values as of this call. */
  async scrape(
    request: ScrapeRequest,
  ): Promise<Iterable<Uint8Array<ArrayBuffer>>> {
    const { containers, failed } = await this.#collector
      .containers(request.containers);
    const machine = this.#machineSections();
    const sections: Section<never>[] = [
      section({
        families: this.#containerFamilies,
        subjects: containers,
        labelsOf: ({ labels }) => labels,
        cache: this.#cache,
        isUnchanged,
      }),
      ...machine,
      section({
        families: RESULT_FAMILIES,
        subjects: [{
          containerError: failed > 0,
          machineError: machine.length === 0,
        }],
        labelsOf: () => "",
      }),
      ...this.#ownSections(),
    ];
    return this.#text(sections, request);
  }

  /** Returns the kubelet's resource metrics. */
  async resource(
    request: Pick<ScrapeRequest, "format" | "names">,
  ): Promise<Iterable<Uint8Array<ArrayBuffer>>> {
    const { manager, maxAgeMs, logger } = this.#options;
    let summary: NodeSummary | undefined;
    try {
      summary = await manager.nodeSummary({
        maxAgeMs,
        onlyCpuAndMemory: true,
      });
    } catch (error) {
      logger.warn("Cannot collect resource metrics, omitting them", {
        error: messageOf(error),
      });
    }
    return this.#text(resourceSections(summary), request);
  }

  #text(
    sections: readonly Section<never>[],
    { format, names }: Pick<ScrapeRequest, "format" | "names">,
  ): Iterable<Uint8Array<ArrayBuffer>> {
    const { logger } = this.#options;
    return expositionText(sections, {
      format,
      names,
      onError: (error) =>
        logger.debug("Cannot emit values of a metric, omitting them", {
          error: messageOf(error),
        }),
    });
  }

  #machineSections(): Section<never>[] {
    const { manager, logger } = this.#options;
    try {
      return [
        section({
          families: this.#machineFamilies,
          subjects: [manager.machineInfo()],
          labelsOf: machineLabels,
        }),
        section({
          families: VERSION_FAMILIES,
          subjects: [manager.versionInfo()],
          labelsOf: () => "",
        }),
      ];
    } catch (error) {
      logger.warn("Cannot collect machine metrics, omitting them", {
        error: messageOf(error),
      });
      return [];
    }
  }

  #ownSections(): Section<never>[] {
    const { manager, counters, ownFs } = this.#options;
    const process = readProcessMetrics(ownFs);
    return [
      section({
        families: AGENT_FAMILIES,
        subjects: [{
          ...manager.counters,
          ...counters(),
          sources: manager.sources(),
        }],
        labelsOf: () => "",
      }),
      section({
        families: PROCESS_FAMILIES,
        subjects: process === undefined ? [] : [process],
        labelsOf: () => "",
      }),
    ];
  }
}
