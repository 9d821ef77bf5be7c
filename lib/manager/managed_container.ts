import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { RowLayout } from "../model/sample.ts";
import type { ContainerStats } from "../model/stats.ts";
import type { DerivedStats } from "../model/usage.ts";
import { toContainerStats } from "../cache/derived_stats.ts";
import type {
  KeptSample,
  SampleRange,
  SampleRing,
} from "../cache/memory_cache.ts";
import { UsageSummary } from "../cache/usage_summary.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";
import type { IdentityStore } from "../runtimes/identity_store.ts";
import type { Task } from "./scheduler.ts";

/** How often containers are read. */
export interface HousekeepingOptions {
  readonly intervalMs: number;
  /** The interval doubles up to this while nothing changes. */
  readonly maxIntervalMs: number;
  readonly dynamic: boolean;
  /** Up to so much of the interval is added by chance, so that containers do not march in step. @default 1 */
  readonly jitterFactor?: number;
}

/** What a {@linkcode ManagedContainer} stands on. */
export interface ManagedContainerOptions {
  readonly handler: ContainerHandler;
  readonly ring: SampleRing;
  /** When its cgroup was made, where that was seen. */
  readonly createdMs: number | undefined;
  readonly housekeeping: HousekeepingOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It has just come, and has no sample until it is whole. @default false */
  readonly isNew?: boolean;
  /** Who knows what its runtime calls it. @default nobody */
  readonly identities?: Pick<IdentityStore, "referenceOf" | "metadataOf">;
  /** Called where a file says that the cgroup is gone. */
  readonly onGone: () => void;
}

interface DescribedSpec {
  readonly limits: ContainerSpec;
  readonly facts: ContainerMetadata;
  readonly spec: ContainerSpec;
}

const SPEC_AGE_MS = 5_000;
/**
 * Whoever changes a limit writes to a file, which is heard of where inotify
 * serves. Elsewhere those that were asked for once are read again after so long
 * and up to twice as long, for whoever does not wait for them.
 */
const KEPT_SPEC_AGE_MS = 5 * 60_000;
const ERROR_LOG_INTERVAL_MS = 60_000;
/** A container that is not whole yet is looked at again after so long. */
const WHOLE_LOOK_MS = 100;

/** A container, its handler, and its housekeeping. */
export class ManagedContainer implements Task {
  readonly handler: ContainerHandler;
  readonly #options: ManagedContainerOptions;
  #intervalMs: number;
  #spec: ContainerSpec | undefined;
  #specMs = -Infinity;
  /** Its limits with what its runtime tells, until either is another. */
  #described: DescribedSpec | undefined;
  #sampledMs = -Infinity;
  #loggedMs = -Infinity;
  #closed = false;
  readonly #openedMs: number;
  #isWhole: boolean;
  readonly #summary = new UsageSummary();

  constructor(options: ManagedContainerOptions) {
    this.#options = options;
    this.handler = options.handler;
    this.#intervalMs = options.housekeeping.intervalMs;
    this.#openedMs = options.clock.monotonic();
    this.#isWhole = options.isNew !== true;
  }

  /** The name of its cgroup. */
  get name(): CgroupName {
    return this.handler.reference.name;
  }

  /** What it is known by now. */
  get reference(): ContainerReference {
    return this.#options.identities?.referenceOf(this.name) ??
      this.handler.reference;
  }

  /** Whether its runtime started it in the network namespace of the host. */
  get isOnHostNetwork(): boolean {
    const { network } = this.#options.identities?.metadataOf(this.name) ?? {};
    return network?.kind === "host";
  }

  /** Its limits, 5 s old at most, and what its runtime tells of it. */
  get spec(): ContainerSpec {
    return this.specWithin(SPEC_AGE_MS);
  }

  /** The same with limits so old at most. To read them takes three times as long as a sample. */
  specWithin(ageMs: number): ContainerSpec {
    const limits = this.#limitsWithin(ageMs);
    const facts = this.#options.identities?.metadataOf(this.name);
    if (facts === undefined) return limits;
    if (
      this.#described?.limits !== limits || this.#described.facts !== facts
    ) {
      this.#described = { limits, facts, spec: withFacts(limits, facts) };
    }
    return this.#described.spec;
  }

  /** Its limits may be others. */
  forgetLimits(): void {
    this.#specMs = -Infinity;
  }

  #limitsWithin(ageMs: number): ContainerSpec {
    const nowMs = this.#options.clock.monotonic();
    if (this.#spec === undefined || nowMs - this.#specMs >= ageMs) {
      const spec = this.handler.spec();
      const createdMs = Math.min(
        spec.creationTimeMs ?? Infinity,
        this.#options.createdMs ?? Infinity,
      );
      this.#spec = createdMs === Infinity
        ? spec
        : { ...spec, creationTimeMs: createdMs };
      this.#specMs = nowMs;
      this.handler.refresh();
    }
    return this.#spec;
  }

  /** Whether its samples have all that is measured of it; looks where that is not known. */
  get isWhole(): boolean {
    if (this.#isWhole) return true;
    const ageMs = this.#options.clock.monotonic() - this.#openedMs;
    try {
      if (!this.handler.isComplete(ageMs)) return false;
    } catch {
      // A sample will say what is wrong.
    }
    // What was not there at an earlier look may be there by now.
    this.handler.refresh();
    return this.#isWhole = true;
  }

  /** One beat: samples, and says when the next is due. */
  run(): number {
    if (!this.isWhole) return WHOLE_LOOK_MS;
    if (this.#spec !== undefined) this.#keepSpecFresh();
    const { dynamic, intervalMs, maxIntervalMs, jitterFactor = 1 } =
      this.#options.housekeeping;
    const changed = this.sample();
    this.#intervalMs = dynamic && !changed
      ? Math.max(intervalMs, Math.min(this.#intervalMs * 2, maxIntervalMs))
      : intervalMs;
    return this.#intervalMs * (1 + Math.random() * jitterFactor);
  }

  #keepSpecFresh(): void {
    try {
      // By chance, so that a thousand do not have their turn at once.
      this.#limitsWithin(KEPT_SPEC_AGE_MS * (1 + Math.random()));
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Reads the container; returns whether anything changed since the last sample. */
  sample(): boolean {
    const { ring, clock, onGone } = this.#options;
    if (this.#closed) return false;
    const timestampMs = clock.now();
    try {
      const { error, gone } = this.handler.sample();
      this.#sampledMs = clock.monotonic();
      if (error !== undefined) this.#complain(error);
      if (gone) onGone();
      const { row } = this.handler.builder;
      this.#summary.add(timestampMs, row);
      return ring.add(timestampMs, row);
    } catch (error) {
      // Whatever it is, the others are measured on.
      this.#complain(error);
      return false;
    }
  }

  /** Samples where the last sample was before `sinceMs` of the monotonic clock; returns whether it did. */
  refresh(sinceMs: number): boolean {
    if (this.#sampledMs >= sinceMs || !this.isWhole) return false;
    this.sample();
    return true;
  }

  /** What it used in the last minute, hour and day. */
  get derivedStats(): DerivedStats {
    this.#sampleFirst();
    return this.#summary.derived();
  }

  /** Its samples as objects, oldest first. */
  stats(range: SampleRange): ContainerStats[] {
    const { ring } = this.#options;
    const { count = -1 } = range;
    if (count === 0) return [];
    this.#sampleFirst();
    // One more, for the rates of the first.
    const samples = ring.samples({
      ...range,
      count: count < 0 ? count : count + 1,
    });
    const parts = {
      diskIo: this.handler.collectsDiskIo && this.spec.hasDiskIo,
      deviceName: (device: string) => this.handler.deviceName(device),
    };
    const stats = samples.map((sample, index) => {
      const filesystems = this.handler.filesystems?.(sample.timestampMs);
      return {
        ...toContainerStats(sample, ring.layout, parts, samples[index - 1]),
        ...(filesystems !== undefined && { filesystems }),
      };
    });
    return count < 0 ? stats : stats.slice(-count);
  }

  /** Whether it was sampled. */
  get hasSample(): boolean {
    return this.#sampledMs > -Infinity;
  }

  /** Its newest sample as it was taken, if there is one, and what its columns are. */
  get latest(): { sample: KeptSample | undefined; layout: RowLayout } {
    this.#sampleFirst();
    const { ring } = this.#options;
    return { sample: ring.latest, layout: ring.layout };
  }

  /** Returns the newest samples, oldest first. @param count maximum number, -1 for all */
  newest(count: number): readonly KeptSample[] {
    return this.#options.ring.samples({ count });
  }

  /** Lets go of its files. */
  close(): void {
    this.#closed = true;
    this.handler.close();
  }

  /** Samples before the scheduler does if a response needs it: at start 1,000 first samples take 0.5 s. */
  #sampleFirst(): void {
    if (!this.hasSample && this.isWhole) this.sample();
  }

  #complain(error: unknown): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#loggedMs < ERROR_LOG_INTERVAL_MS) return;
    this.#loggedMs = nowMs;
    logger.warn("Cannot read a control file, leaving its numbers out", {
      container: this.reference.name,
      error: messageOf(error),
    });
  }
}

/** cAdvisor tells the restarts as a label of this name, if there were any. */
const RESTARTS_LABEL = "restartcount";

function withFacts(
  spec: ContainerSpec,
  facts: ContainerMetadata,
): ContainerSpec {
  const { createdMs, startedMs, image, health, restartCount = 0 } = facts;
  const labels = {
    ...facts.labels,
    ...(restartCount > 0 && { [RESTARTS_LABEL]: String(restartCount) }),
  };
  return {
    ...spec,
    ...(createdMs !== undefined && { creationTimeMs: createdMs }),
    ...(startedMs !== undefined && { startTimeMs: startedMs }),
    ...(image !== undefined && { image }),
    ...(health !== undefined && { health }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}
