import { join } from "@std/path";
import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { ContainerOrigin } from "./cgroup_origin.ts";
import { fieldsOf, textOf } from "./json_fields.ts";
import type { LabelFilter } from "./label_filter.ts";
import { bundleFacts, containerdFacts, crioFacts } from "./oci_config.ts";
import type { RuntimeFiles } from "./runtime_files.ts";
import type { RuntimeRoots } from "./runtime_roots.ts";

/** A container's origin, and the cgroup that told it. */
export type PlacedOrigin = ContainerOrigin & { readonly cgroup: CgroupName };

/** Resolves a runtime's own path, given in parts, to where the agent sees it. */
export type PathAt = (first: string, ...rest: string[]) => string;

const TASKS = "io.containerd.runtime.v2.task";

/** Finds containers by the OCI bundles that their runtimes keep. */
export class Bundles {
  readonly #files: RuntimeFiles;
  readonly #labels: LabelFilter;

  constructor(files: RuntimeFiles, labels: LabelFilter) {
    this.#files = files;
    this.#labels = labels;
  }

  /** Of containerd, by the bundle of its task. */
  async containerd(
    origin: PlacedOrigin,
    roots: RuntimeRoots,
    at: PathAt,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    for (const state of roots.containerd) {
      const groups = origin.group === undefined
        ? await files.list(at(state, TASKS))
        : [origin.group];
      for (const group of groups) {
        const bundle = at(state, TASKS, group, origin.id);
        const config = await files.json(join(bundle, "config.json"));
        const { cgroupsPath } = fieldsOf(fieldsOf(config)["linux"]);
        if (config === undefined || !isOf(origin, [cgroupsPath])) continue;
        const pid = Number(await files.read(join(bundle, "init.pid")));
        const facts = containerdFacts(config, { id: origin.id, labels });
        return pid > 0 ? { ...facts, pid } : facts;
      }
    }
    return undefined;
  }

  /** Of CRI-O, by the bundle beside its storage. */
  async crio(
    origin: ContainerOrigin,
    roots: RuntimeRoots,
    at: PathAt,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    const { id } = origin;
    for (const storage of [...roots.storageRun, ...roots.storage]) {
      for (const directory of await files.list(at(storage))) {
        if (!directory.endsWith("-containers")) continue;
        const path = at(storage, directory, id, "userdata", "config.json");
        const config = await files.json(path);
        const facts = crioFacts(config, { id, labels });
        if (facts === undefined) continue;
        const pid = await this.pidOf(roots, at, directory, id);
        return pid === undefined ? facts : { ...facts, pid };
      }
    }
    return undefined;
  }

  /** What runc and crun keep of a container that nobody else looks after. */
  async bare(
    runtime: "runc" | "crun",
    origin: PlacedOrigin,
    roots: RuntimeRoots,
    at: PathAt,
  ): Promise<ContainerMetadata | undefined> {
    const files = this.#files;
    const labels = this.#labels;
    const { id } = origin;
    const file = runtime === "runc" ? "state.json" : "status";
    for (const root of roots[runtime]) {
      const state = fieldsOf(await files.json(at(root, id, file)));
      const pid = state["init_process_pid"] ?? state["pid"];
      const paths = Object.values(fieldsOf(state["cgroup_paths"]));
      if (typeof pid !== "number") continue;
      if (!isOf(origin, [state["cgroup-path"], ...paths])) continue;
      const bundle = bundleOf(state);
      const config = bundle === undefined
        ? undefined
        : await files.json(at(bundle, "config.json"));
      return { ...bundleFacts(config, { id, labels, runtime }), pid };
    }
    return undefined;
  }

  /** Podman and CRI-O leave the pid where it does not outlive a boot. */
  async pidOf(
    { storageRun }: RuntimeRoots,
    at: PathAt,
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
 * Whether one of the paths that a runtime tells is the cgroup's: an id that
 * anybody may choose does not say enough. runc's begin with the mount point.
 */
function isOf(
  { cgroup, isCertain }: PlacedOrigin,
  paths: readonly unknown[],
): boolean {
  return isCertain || paths.some((path) => textOf(path)?.endsWith(cgroup));
}

/** Where the bundle is: runc has it among its labels, crun as a field. */
function bundleOf(state: ReturnType<typeof fieldsOf>): string | undefined {
  const { labels } = fieldsOf(state["config"]);
  const label = Array.isArray(labels)
    ? labels.map(textOf).find((text) => text?.startsWith("bundle="))
    : undefined;
  return textOf(state["bundle"]) ?? label?.slice("bundle=".length);
}
