import type { HostFs } from "../kernfs/host_fs.ts";
import { messageOf } from "../model/errors.ts";
import type { NodeSummary } from "../model/node_summary.ts";
import type { ScrapeRequest } from "../model/scrape.ts";
import type { Manager } from "../manager/manager.ts";
import { AGENT_FAMILIES, type AgentCounters } from "./agent_families.ts";
import { CONTAINER_FAMILIES } from "./container_families.ts";
import { expositionText, type Section, section } from "./exposition.ts";
import { TextMemory } from "./told_text.ts";
import { type Family, gauge } from "./family.ts";
import {
  type Machine,
  MACHINE_FAMILIES,
  machineLabels,
  VERSION_FAMILIES,
} from "./machine_families.ts";
import { isAsBefore, type Measured } from "./measured.ts";
import { PROCESS_FAMILIES, readOwnProcess } from "./own_process.ts";
import { resourceSections } from "./resource_families.ts";
import { Scraper, type ScraperOptions } from "./scraper.ts";

/** What {@linkcode Metrics} are made from. */
export interface MetricsOptions extends ScraperOptions {
  readonly manager:
    & ScraperOptions["manager"]
    & Pick<
      Manager,
      | "counters"
      | "machineInfo"
      | "nodeSummary"
      | "sources"
      | "versionInfo"
    >;
  /** Kinds of measurement that are on, by cAdvisor's names. */
  readonly kinds: ReadonlySet<string>;
  /** Our own root, where `/proc/self` is. */
  readonly ownFs: HostFs;
  /** What those have done that the manager does not know. */
  readonly counters: () => Pick<AgentCounters, "eventLog" | "http" | "streams">;
}

/** How a scrape went. */
export interface ScrapeResult {
  readonly containerError: boolean;
  readonly machineError: boolean;
}

/** Families of the scrape itself. */
export const RESULT_FAMILIES: readonly Family<ScrapeResult>[] = [
  gauge(
    "container_scrape_error",
    "1 where a container could not be told of, and was left out.",
    ({ containerError }, emit) => emit(containerError ? 1 : 0),
  ),
  gauge(
    "machine_scrape_error",
    "1 where the machine could not be told of.",
    ({ machineError }, emit) => emit(machineError ? 1 : 0),
  ),
];

/** The families that are told where those kinds are on. */
export function familiesOf<S>(
  families: readonly Family<S>[],
  kinds: ReadonlySet<string>,
): readonly Family<S>[] {
  return families.filter((family) =>
    family.kinds?.every((kind) => kinds.has(kind)) ?? true
  );
}

/** All numbers of the agent, as text for Prometheus. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #scraper: Scraper;
  readonly #memory = new TextMemory<Measured>();
  readonly #containerFamilies: readonly Family<Measured>[];
  readonly #machineFamilies: readonly Family<Machine>[];

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#scraper = new Scraper(options);
    const { kinds } = options;
    this.#containerFamilies = familiesOf(CONTAINER_FAMILIES, kinds);
    this.#machineFamilies = familiesOf(MACHINE_FAMILIES, kinds);
  }

  /**
   * The text of one scrape, in pieces. The numbers are those of now, whenever
   * the pieces are taken.
   */
  async scrape(
    request: ScrapeRequest,
  ): Promise<Iterable<Uint8Array<ArrayBuffer>>> {
    const { containers, failed } = await this.#scraper
      .containers(request.containers);
    const machine = this.#machineSections();
    const sections: Section<never>[] = [
      section({
        families: this.#containerFamilies,
        subjects: containers,
        labelsOf: ({ labels }) => labels,
        memory: this.#memory,
        isAsBefore,
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

  /** The kubelet's resource metrics, in pieces. */
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
      logger.warn("Cannot tell resource metrics", { error: messageOf(error) });
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
        logger.debug("Cannot tell a number, leaving it out", {
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
      logger.warn("Cannot tell of the machine", { error: messageOf(error) });
      return [];
    }
  }

  #ownSections(): Section<never>[] {
    const { manager, counters, ownFs } = this.#options;
    const process = readOwnProcess(ownFs);
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
