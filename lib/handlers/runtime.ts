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
import { ContainerDisk, type ContainerDiskOptions } from "./container_disk.ts";

/** What the containers of runtimes are read with. */
export interface RuntimeFactoryOptions extends CgroupHandlerOptions {
  readonly identities: Pick<
    IdentityStore,
    "initPidOf" | "reportsNetwork" | "metadataOf"
  >;
  /** What counts their disks, where that is wanted. */
  readonly disk?: Omit<ContainerDiskOptions, "fs">;
}

/**
 * Handles the containers of all runtimes, by the names of their cgroups: they
 * are containers whatever `--docker-only` and the whitelist say of plain
 * cgroups. Their files are the kernel's and the same for each runtime; who
 * they are is asked of the runtime later.
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

/** By then a runtime has started its container, and tells of its first process where it tells of any. */
const STARTED_MS = 1_000;

/** A container with what its runtime tells: its first process, and so its network and disk. */
class RuntimeHandler extends CgroupHandler {
  readonly #identities: RuntimeFactoryOptions["identities"];
  readonly #disk: ContainerDisk | undefined;

  constructor(name: CgroupName, options: RuntimeFactoryOptions) {
    const { fs, kinds, identities, disk } = options;
    super({ name }, {
      ...options,
      initPid: () => identities.initPidOf(name),
      reportsNetwork: () => identities.reportsNetwork(name),
    });
    this.#identities = identities;
    this.#disk = disk !== undefined && kinds.has("disk")
      ? new ContainerDisk({ fs, ...disk })
      : undefined;
  }

  override spec(): ContainerSpec {
    const spec = super.spec();
    return this.#disk === undefined ? spec : { ...spec, hasFilesystems: true };
  }

  override isWhole(ageMs: number): boolean {
    if (ageMs >= STARTED_MS) return true;
    const pid = this.#identities.initPidOf(this.reference.name);
    return pid !== undefined && super.isWhole(ageMs);
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
