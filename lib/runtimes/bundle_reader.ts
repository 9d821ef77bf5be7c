import { join } from "@std/path";
import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import { asObject, asString } from "./json_values.ts";
import type { LabelFilter } from "./label_filter.ts";
import {
  parseBundle,
  parseContainerdConfig,
  parseCrioConfig,
} from "./oci_config.ts";
import type { RuntimeFiles } from "./runtime_files.ts";
import type { RuntimeRoots } from "./runtime_roots.ts";

/** An origin and its cgroup. */
export type PlacedOrigin = ContainerOrigin & { readonly cgroup: CgroupName };

/** Returns the agent's path of a runtime's path, given in parts. */
export type ResolveHostPath = (first: string, ...rest: string[]) => string;

/** Bundles, below containerd's state directory. */
const TASKS = "io.containerd.runtime.v2.task";

/** Reads OCI bundles. */
export class BundleReader {
  readonly #files: RuntimeFiles;
  readonly #labels: LabelFilter;

  constructor(files: RuntimeFiles, labels: LabelFilter) {
    this.#files = files;
    this.#labels = labels;
  }

  async containerd(
    origin: PlacedOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    for (const state of roots.containerd) {
      const namespaces = origin.containerdNamespace === undefined
        ? await files.list(at(state, TASKS))
        : [origin.containerdNamespace];
      for (const namespace of namespaces) {
        const bundle = at(state, TASKS, namespace, origin.id);
        const config = await files.json(join(bundle, "config.json"));
        const { cgroupsPath } = asObject(asObject(config)["linux"]);
        if (config === undefined || !belongsToCgroup(origin, [cgroupsPath])) {
          continue;
        }
        const pid = Number(await files.read(join(bundle, "init.pid")));
        const metadata = parseContainerdConfig(config, {
          id: origin.id,
          labels,
        });
        return pid > 0 ? { ...metadata, pid } : metadata;
      }
    }
    return undefined;
  }

  async crio(
    origin: ContainerOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    const { id } = origin;
    for (const storage of [...roots.storageRun, ...roots.storage]) {
      for (const directory of await files.list(at(storage))) {
        if (!directory.endsWith("-containers")) continue;
        const path = at(storage, directory, id, "userdata", "config.json");
        const config = await files.json(path);
        const metadata = parseCrioConfig(config, { id, labels });
        if (metadata === undefined) continue;
        const pid = await this.pidOf(roots, at, directory, id);
        return pid === undefined ? metadata : { ...metadata, pid };
      }
    }
    return undefined;
  }

  /** Reads a container of runc or crun without an engine. */
  async bare(
    runtime: "runc" | "crun",
    origin: PlacedOrigin,
    roots: RuntimeRoots,
    at: ResolveHostPath,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    const { id } = origin;
    const file = runtime === "runc" ? "state.json" : "status";
    for (const root of roots[runtime]) {
      const state = asObject(await files.json(at(root, id, file)));
      const pid = state["init_process_pid"] ?? state["pid"];
      const paths = Object.values(asObject(state["cgroup_paths"]));
      if (typeof pid !== "number") continue;
      if (!belongsToCgroup(origin, [state["cgroup-path"], ...paths])) continue;
      const bundle = bundleOf(state);
      const config = bundle === undefined
        ? undefined
        : await files.json(at(bundle, "config.json"));
      return { ...parseBundle(config, { id, labels, runtime }), pid };
    }
    return undefined;
  }

  /**
   * Reads the pidfile, which may outlive the process, but not a reboot.
   * `directory` is `<driver>-containers`.
   */
  async pidOf(
    { storageRun }: RuntimeRoots,
    at: ResolveHostPath,
    directory: string,
    id: string,
  ): Promise<number | undefined> {
    for (const run of storageRun) {
      const path = at(run, directory, id, "userdata", "pidfile");
      const pid = Number(await this.#files.read(path));
      if (pid > 0) return pid;
    }
    return undefined;
  }
}

/**
 * Whether the files are this cgroup's: always if its ID is certain, otherwise if
 * a path ends with its name, because a user may choose another container's ID.
 * runc's paths start with the mount point.
 */
function belongsToCgroup(
  { cgroup, isCertain }: PlacedOrigin,
  paths: readonly unknown[],
): boolean {
  return isCertain || paths.some((path) => asString(path)?.endsWith(cgroup));
}

/** runc stores it as a label, crun as a field. */
function bundleOf(state: ReturnType<typeof asObject>): string | undefined {
  const { labels } = asObject(state["config"]);
  const label = Array.isArray(labels)
    ? labels.map(asString).find((text) => text?.startsWith("bundle="))
    : undefined;
  return asString(state["bundle"]) ?? label?.slice("bundle=".length);
}
