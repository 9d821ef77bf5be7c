import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { RowLayout } from "../model/sample.ts";
import type { ContainerStats } from "../model/stats.ts";
import type { DerivedStats } from "../model/usage.ts";
import { toContainerStats } from "../cache/container_stats.ts";
import type {
  SampleRange,
  SampleRing,
  StoredSample,
} from "../cache/memory_cache.ts";
import { UsageSummary } from "../cache/usage_summary.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";
import type { IdentityStore } from "../runtimes/identity_store.ts";
import type { Task } from "./scheduler.ts";

/** Housekeeping intervals. */
export interface HousekeepingOptions {
  readonly intervalMs: number;
  /** Reached by doubling while nothing changes. */
  readonly maxIntervalMs: number;
  readonly dynamic: boolean;
  /** Maximum random fraction added to each interval. @default 1 */
  readonly jitterFactor?: number;
}

/** Dependencies. */
export interface ManagedContainerOptions {
  readonly handler: ContainerHandler;
  readonly ring: SampleRing;
  /** The cgroup's creation time, if observed. */
  readonly createdMs: number | undefined;
  readonly housekeeping: HousekeepingOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Just created: no sample until it is complete. @default false */
  readonly isNew?: boolean;
  /** @default none */
  readonly identities?: Pick<IdentityStore, "referenceOf" | "metadataOf">;
  /** Called if a read finds the cgroup gone. */
  readonly onGone: () => void;
}

interface DescribedSpec {
  readonly limits: ContainerSpec;
  readonly metadata: ContainerMetadata;
  readonly spec: ContainerSpec;
}

const SPEC_AGE_MS = 5_000;
/**
 * Inotify reports each limit change. Without it, specs are re-read after one to
 * two times this.
 */
const STORED_SPEC_AGE_MS = 5 * 60_000;
const ERROR_LOG_INTERVAL_MS = 60_000;
/**
 * Longest time until CPU usage is noticed of a container that is sampled less
 * often since nothing changed: one small file is read.
 */
const CPU_CHECK_MS = 10_000;
/** Check interval of an incomplete container. */
const INCOMPLETE_CHECK_MS = 100;

/** A container with handler and housekeeping. */
export class ManagedContainer implements Task {
  readonly handler: ContainerHandler;
  readonly #options: ManagedContainerOptions;
  #intervalMs: number;
  #spec: ContainerSpec | undefined;
  #specMs = -Infinity;
  /** Cached until limits or metadata change. */
  #described: DescribedSpec | undefined;
  #sampledMs = -Infinity;
  #dueMs = -Infinity;
  #loggedMs = -Infinity;
  #closed = false;
  readonly #openedMs: number;
  #isComplete: boolean;
  readonly #summary = new UsageSummary();

  constructor(options: ManagedContainerOptions) {
    this.#options = options;
    this.handler = options.handler;
    this.#intervalMs = options.housekeeping.intervalMs;
    this.#openedMs = options.clock.monotonic();
    this.#isComplete = options.isNew !== true;
  }

  get name(): CgroupName {
    return this.handler.reference.name;
  }

  get reference(): ContainerReference {
    return this.#options.identities?.referenceOf(this.name) ??
      this.handler.reference;
  }

  /** Whether it was started in the host's network namespace. */
  get isOnHostNetwork(): boolean {
    const { network } = this.#options.identities?.metadataOf(this.name) ?? {};
    return network?.kind === "host";
  }

  /** Metadata, and limits up to 5 s old. */
  get spec(): ContainerSpec {
    return this.specNoOlderThan(SPEC_AGE_MS);
  }

  /**
   * Returns the spec with limits up to `ageMs` old; a read takes as long as
   * three samples.
   */
  specNoOlderThan(ageMs: number): ContainerSpec {
    const limits = this.#limitsWithin(ageMs);
    const metadata = this.#options.identities?.metadataOf(this.name);
    if (metadata === undefined) return limits;
    if (
      this.#described?.limits !== limits ||
      this.#described.metadata !== metadata
    ) {
      this.#described = {
        limits,
        metadata,
        spec: withMetadata(limits, metadata),
      };
    }
    return this.#described.spec;
  }

  invalidateSpec(): void {
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

  /** Whether samples have all metrics; checks the handler until they do. */
  get isComplete(): boolean {
    if (this.#isComplete) return true;
    const ageMs = this.#options.clock.monotonic() - this.#openedMs;
    try {
      if (!this.handler.isComplete(ageMs)) return false;
    } catch {
      // The next sample logs it.
    }
    // Files missing at an earlier check may exist now.
    this.handler.refresh();
    return this.#isComplete = true;
  }

  /** Returns the delay of the next sample or check in milliseconds. */
  run(): number {
    if (!this.isComplete) return INCOMPLETE_CHECK_MS;
    const nowMs = this.#options.clock.monotonic();
    if (this.#isSlow && nowMs < this.#dueMs && !this.handler.hasUsedCpu()) {
      return Math.min(this.#dueMs - nowMs, CPU_CHECK_MS);
    }
    // After the first sample, so that no request reads a thousand specs.
    if (this.hasSample) this.#keepSpecFresh();
    const { dynamic, intervalMs, maxIntervalMs, jitterFactor = 1 } =
      this.#options.housekeeping;
    const changed = this.sample();
    this.#intervalMs = dynamic && !changed
      ? Math.max(intervalMs, Math.min(this.#intervalMs * 2, maxIntervalMs))
      : intervalMs;
    const delayMs = this.#intervalMs * (1 + Math.random() * jitterFactor);
    this.#dueMs = nowMs + delayMs;
    return this.#isSlow ? Math.min(delayMs, CPU_CHECK_MS) : delayMs;
  }

  get #isSlow(): boolean {
    return this.#intervalMs > this.#options.housekeeping.intervalMs;
  }

  #keepSpecFresh(): void {
    try {
      // Random, to spread the reads.
      this.#limitsWithin(STORED_SPEC_AGE_MS * (1 + Math.random()));
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Returns whether anything changed since the last sample. */
  sample(): boolean {
    const { ring, clock, onGone } = this.#options;
    if (this.#closed) return false;
    const timestampMs = clock.now();
    try {
      const { error, gone } = this.handler.sample();
      this.#sampledMs = clock.monotonic();
      if (error !== undefined) this.#warn(error);
      if (gone) onGone();
      const { row } = this.handler.builder;
      this.#summary.add(timestampMs, row);
      return ring.add(timestampMs, row);
    } catch (error) {
      // Logged, so that other containers are still sampled.
      this.#warn(error);
      return false;
    }
  }

  /**
   * Samples if the last sample is before `sinceMs` (monotonic); returns whether
   * it did.
   */
  refresh(sinceMs: number): boolean {
    if (this.#sampledMs >= sinceMs || !this.isComplete) return false;
    this.sample();
    return true;
  }

  get derivedStats(): DerivedStats {
    this.#sampleFirst();
    return this.#summary.derived();
  }

  /** Oldest first. */
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

  get hasSample(): boolean {
    return this.#sampledMs > -Infinity;
  }

  /** Newest stored sample, if any, and its column layout. */
  get latest(): { sample: StoredSample | undefined; layout: RowLayout } {
    this.#sampleFirst();
    const { ring } = this.#options;
    return { sample: ring.latest, layout: ring.layout };
  }

  /** Returns the newest samples, oldest first. @param count maximum, -1 for all */
  newest(count: number): readonly StoredSample[] {
    this.#sampleFirst();
    return this.#options.ring.samples({ count });
  }

  close(): void {
    this.#closed = true;
    this.handler.close();
  }

  /** Samples on request before the scheduler does: at start 1,000 samples take 0.5 s. */
  #sampleFirst(): void {
    if (!this.hasSample && this.isComplete) this.sample();
  }

  #warn(error: unknown): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#loggedMs < ERROR_LOG_INTERVAL_MS) return;
    this.#loggedMs = nowMs;
    logger.warn("Cannot read a control file, leaving out its values", {
      container: this.reference.name,
      error: messageOf(error),
    });
  }
}

/** cAdvisor's label; absent for 0 restarts. */
const RESTARTS_LABEL = "restartcount";

function withMetadata(
  spec: ContainerSpec,
  metadata: ContainerMetadata,
): ContainerSpec {
  const { createdMs, startedMs, image, health, restartCount = 0 } = metadata;
  const labels = {
    ...metadata.labels,
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
