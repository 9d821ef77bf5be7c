import { join } from "@std/path";
import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type {
  ContainerMetadata,
  RuntimeName,
} from "../model/container_metadata.ts";
import {
  BundleReader,
  type PlacedOrigin,
  type ResolveHostPath,
} from "./bundle_reader.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import { ContainerStorage } from "./container_storage.ts";
import { parseDockerContainer } from "./docker_json.ts";
import type { Engine, EngineName } from "./engine.ts";
import { asObject } from "./json_values.ts";
import type { LabelFilter } from "./label_filter.ts";
import { networkOf } from "./oci_config.ts";
import type { RuntimeFiles } from "./runtime_files.ts";
import {
  readRuntimeRoots,
  type RootOverrides,
  type RuntimeRoots,
} from "./runtime_roots.ts";

/** Dependencies. */
export interface ContainerLookupOptions {
  readonly files: RuntimeFiles;
  readonly clock: Clock;
  readonly labels: LabelFilter;
  /** Paths set by flags. */
  readonly overrides: RootOverrides;
  /** The host's engines, not those of nested containers. */
  readonly engines: readonly Engine[];
}

/** A container, and a process through which its runtime's files are visible. */
export interface LookupContext {
  readonly cgroup: CgroupName;
  /** Host PID of a process in the enclosing container. */
  readonly outerPid?: number;
}

/** Interval of reading configuration files. */
const ROOTS_AGE_MS = 60_000;
const MAX_PLACES = 1_000;

/** A failed engine is not queried for this time. */
const FAILED_MS = 10_000;

interface KnownRoots {
  readonly readMs: number;
  readonly roots: Promise<RuntimeRoots>;
}

/** Looks up containers in runtimes' files, then on their sockets. */
export class ContainerLookup {
  readonly #options: ContainerLookupOptions;
  readonly #storage: ContainerStorage;
  readonly #bundles: BundleReader;
  readonly #failedMs = new Map<Engine, number>();
  /** Keyed by user and root. */
  readonly #roots = new Map<string, KnownRoots>();

  constructor(options: ContainerLookupOptions) {
    this.#options = options;
    this.#bundles = new BundleReader(options.files, options.labels);
    this.#storage = new ContainerStorage(
      options.files,
      () => options.clock.monotonic(),
    );
  }

  /**
   * Returns metadata from the likeliest runtime that has the container, if any.
   *
   * @throws {Error} if none has it and at least one could not be read
   */
  async find(
    origin: ContainerOrigin,
    { cgroup, outerPid }: LookupContext,
  ): Promise<ContainerMetadata | undefined> {
    // The files are visible only through a process of the enclosing container.
    if (origin.outer !== undefined && outerPid === undefined) return undefined;
    const root = outerPid === undefined ? undefined : `/proc/${outerPid}/root`;
    const roots = await this.#rootsOf(origin.uid, root);
    const at: ResolveHostPath = (first, ...rest) =>
      this.#options.files.path(join(first, ...rest), root);
    const placed = { ...origin, cgroup };
    const lookups = [
      (runtime: RuntimeName) => this.#read(runtime, placed, roots, at),
      // After all files: sockets may block until their timeout.
      (runtime: RuntimeName) => this.#inspect(runtime, origin),
    ];
    let failure: unknown;
    for (const lookUp of lookups) {
      for (const runtime of origin.runtimes) {
        try {
          const metadata = await lookUp(runtime);
          if (metadata !== undefined) return metadata;
        } catch (error) {
          failure ??= error;
        }
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  async #read(
    runtime: RuntimeName,
    origin: PlacedOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    switch (runtime) {
      case "docker":
        return await this.#docker(origin, roots, at);
      case "podman":
        return await this.#podman(origin, roots, at);
      case "containerd":
        return await this.#bundles.containerd(origin, roots, at);
      case "crio":
        return await this.#bundles.crio(origin, roots, at);
      case "runc":
      case "crun":
        return await this.#bundles.bare(runtime, origin, roots, at);
      case "rkt":
        return undefined;
    }
  }

  async #docker(
    origin: ContainerOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    const { files, labels } = this.#options;
    let failure: unknown;
    for (const root of roots.docker) {
      const directory = at(root, "containers", origin.id);
      try {
        const config = await files.json(join(directory, "config.v2.json"));
        if (config === undefined) continue;
        const hostConfig = await files.json(join(directory, "hostconfig.json"));
        return parseDockerContainer(config, {
          runtime: "docker",
          labels,
          hostConfig,
        });
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  async #podman(
    origin: ContainerOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    const { files } = this.#options;
    const { id } = origin;
    for (const storage of roots.storage) {
      const stored = await this.#storage.find(at(storage), id);
      if (stored?.metadata === undefined) continue;
      const { directory, metadata } = stored;
      const userdata = at(storage, directory, id, "userdata");
      const config = await files.json(join(userdata, "config.json"));
      const { annotations } = asObject(config);
      if (asObject(annotations)["io.container.manager"] === "cri-o") continue;
      const network = networkOf(config, undefined);
      // The pidfile outlives the process.
      const exitCode = await this.#exitCodeOf(roots, at, id);
      const pid = exitCode === undefined
        ? await this.#bundles.pidOf(roots, at, directory, id)
        : undefined;
      const inspected = await this.#inspectQuietly("podman", origin);
      return {
        ...inspected,
        ...metadata,
        ...(network !== undefined && { network }),
        ...(pid !== undefined && { pid }),
        ...(exitCode !== undefined && { exitCode }),
        logPath: join(storage, directory, id, "userdata/ctr.log"),
      };
    }
    return undefined;
  }

  async #exitCodeOf(
    { podmanExits }: RuntimeRoots,
    at: ResolveHostPath,
    id: string,
  ): Promise<number | undefined> {
    for (const exits of podmanExits) {
      const text = await this.#options.files.read(at(exits, id));
      if (text !== undefined && /^\d{1,3}\s*$/.test(text)) return Number(text);
    }
    return undefined;
  }

  /** Skips nested and rootless containers. */
  async #inspect(
    runtime: RuntimeName,
    origin: ContainerOrigin,
  ): Promise<ContainerMetadata | undefined> {
    // Uncertain IDs arrive as events.
    const isOfHost = origin.isCertain && origin.uid === undefined &&
      origin.outer === undefined;
    if (!isOfHost) return undefined;
    let failure: unknown;
    for (const engine of this.#options.engines) {
      if (engine.runtime !== runtime) continue;
      try {
        const metadata = await this.#inspectWith(engine, origin);
        if (metadata !== undefined) return metadata;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** Skips an engine that failed recently. */
  async #inspectWith(
    engine: Engine,
    origin: ContainerOrigin,
  ): Promise<ContainerMetadata | undefined> {
    const { clock } = this.#options;
    const failedMs = this.#failedMs.get(engine) ?? -Infinity;
    if (clock.monotonic() - failedMs < FAILED_MS) return undefined;
    try {
      return await engine.exists() ? await engine.inspect(origin) : undefined;
    } catch (error) {
      // Concerns one container, not the engine.
      const isOfOne = error instanceof RangeError ||
        error instanceof SyntaxError;
      if (!isOfOne) this.#failedMs.set(engine, clock.monotonic());
      throw error;
    }
  }

  /** Ignores errors: files already identified the container. */
  async #inspectQuietly(
    runtime: EngineName,
    origin: ContainerOrigin,
  ): Promise<ContainerMetadata | undefined> {
    try {
      return await this.#inspect(runtime, origin);
    } catch {
      return undefined;
    }
  }

  #rootsOf(
    uid: number | undefined,
    root: string | undefined,
  ): Promise<RuntimeRoots> {
    const { files, clock, overrides } = this.#options;
    const nowMs = clock.monotonic();
    const key = `${uid ?? ""} ${root ?? ""}`;
    const known = this.#roots.get(key);
    if (known !== undefined && nowMs - known.readMs < ROOTS_AGE_MS) {
      return known.roots;
    }
    if (this.#roots.size >= MAX_PLACES) this.#roots.clear();
    const roots = readRuntimeRoots(files, {
      // Flags apply to the host only.
      ...(root === undefined ? overrides : { root }),
      ...(uid !== undefined && { uid }),
    });
    this.#roots.set(key, { readMs: nowMs, roots });
    return roots;
  }
}
