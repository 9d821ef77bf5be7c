import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerSpec } from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import { HEALTH_STATES } from "../model/sample.ts";
import { parseCgroupOrigin } from "../runtimes/cgroup_origin.ts";
import type { IdentityStore } from "../runtimes/identity_store.ts";
import type {
  HandlerFactory,
  SampleResult,
} from "../registry/handler_registry.ts";
import { CgroupHandler, type CgroupHandlerOptions } from "./cgroup_handler.ts";
import {
  ContainerDiskUsage,
  type ContainerDiskUsageOptions,
} from "./container_disk_usage.ts";

export interface RuntimeFactoryOptions extends CgroupHandlerOptions {
  readonly identities: Pick<
    IdentityStore,
    "initPidOf" | "reportsNetwork" | "metadataOf" | "isPending"
  >;
  readonly disk?: Omit<ContainerDiskUsageOptions, "fs">;
}

/**
 * Creates the factory of all runtimes' containers, recognized by cgroup names.
 * All are accepted: `--docker-only` and `--raw-cgroup-prefix-whitelist` apply
 * to raw cgroups only.
 */
export function runtimeFactory(
  options: RuntimeFactoryOptions,
): HandlerFactory {
  return {
    name: "runtime",
    canHandle(name) {
      const origin = parseCgroupOrigin(name);
      return origin?.kind === "container" && origin.isCertain;
    },
    accepts: () => true,
    create: (name) => new RuntimeHandler(name, options),
  };
}

/**
 * Age at which a container is complete if its runtime is not known to report
 * its first process.
 */
const UNREPORTED_AGE_MS = 1_000;

/**
 * Age at which any container is complete. On a busy node, Docker takes seconds
 * from the cgroup to the first process.
 */
const COMPLETE_AGE_MS = 3_000;

/** Adds what depends on the runtime: network, disk usage, health. */
class RuntimeHandler extends CgroupHandler {
  readonly #identities: RuntimeFactoryOptions["identities"];
  readonly #disk: ContainerDiskUsage | undefined;
  readonly #isNested: boolean;

  constructor(name: CgroupName, options: RuntimeFactoryOptions) {
    const { fs, kinds, identities, disk } = options;
    super({ name }, {
      ...options,
      initPid: () => identities.initPidOf(name),
      reportsNetwork: () => identities.reportsNetwork(name),
    });
    this.#identities = identities;
    const origin = parseCgroupOrigin(name);
    this.#isNested = origin?.kind === "container" && origin.outer !== undefined;
    this.#disk = disk !== undefined && kinds.has("disk")
      ? new ContainerDiskUsage({ fs, ...disk })
      : undefined;
  }

  override spec(): ContainerSpec {
    const spec = super.spec();
    return this.#disk === undefined ? spec : { ...spec, hasFilesystems: true };
  }

  /**
   * Whether the first process is known and disk usage was counted, or the
   * container is old enough.
   */
  override isComplete(ageMs: number): boolean {
    if (ageMs >= COMPLETE_AGE_MS) return true;
    const { name } = this.reference;
    const metadata = this.#identities.metadataOf(name);
    const pid = this.#identities.initPidOf(name);
    if (pid === undefined) {
      // A nested runtime reports PIDs of its own namespace.
      const isReported = !this.#isNested &&
        (metadata !== undefined || this.#identities.isPending(name));
      return !isReported && ageMs >= UNREPORTED_AGE_MS;
    }
    return super.isComplete(ageMs) &&
      (this.#disk?.isCounted(pid, metadata) ?? true);
  }

  override sample(): SampleResult {
    const result = super.sample();
    const { health } = this.#identities.metadataOf(this.reference.name) ?? {};
    const state = HEALTH_STATES.findIndex((name) => name === health);
    const first = state < 0 ? -1 : this.builder.group("health");
    if (first >= 0) this.builder.row[first] = state;
    return result;
  }

  override filesystems(timestampMs: number): readonly FsStats[] | undefined {
    const { name } = this.reference;
    const pid = this.#identities.initPidOf(name);
    return this.#disk?.at(timestampMs, pid, this.#identities.metadataOf(name));
  }

  override close(): void {
    super.close();
    this.#disk?.close();
  }
}
