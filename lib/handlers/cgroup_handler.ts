import { ROOT } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import { isGone } from "../model/errors.ts";
import { COLUMN, RowBuilder } from "../model/sample.ts";
import { BlkioFiles } from "../kernfs/blkio.ts";
import {
  type CgroupFile,
  PRESSURE_FILES,
  V1_FILES,
  V2_FILES,
} from "../kernfs/cgroup_files.ts";
import { readSpec } from "../kernfs/cgroup_spec.ts";
import type { Hierarchies, Hierarchy } from "../kernfs/hierarchy.ts";
import type { ControlFile, HostFs } from "../kernfs/host_fs.ts";
import { readMeminfo } from "../kernfs/machine.ts";
import { OomKillFile } from "../kernfs/oom_kill_file.ts";
import type {
  ContainerHandler,
  MemoryLimitHits,
  OomKillCount,
  SampleResult,
} from "../registry/handler_registry.ts";

/** What every handler of cgroups needs. */
export interface CgroupHandlerOptions {
  readonly fs: HostFs;
  readonly hierarchies: Hierarchies;
  /** Kinds of measurement that are on, by cAdvisor's names. */
  readonly kinds: ReadonlySet<string>;
}

interface OpenFile {
  readonly control: ControlFile;
  readonly parse: CgroupFile["parse"];
}

/** Reads one container from its cgroup files, whatever the hierarchy mode. */
export class CgroupHandler implements ContainerHandler {
  readonly reference: ContainerReference;
  readonly builder: RowBuilder = new RowBuilder();
  readonly #options: CgroupHandlerOptions;
  readonly #files: OpenFile[] = [];
  readonly #blkio: BlkioFiles | undefined;
  readonly #oomKillFile: OomKillFile;
  readonly #unified: boolean;
  /** Whether any file was there when last looked. */
  #isThere = true;

  constructor(reference: ContainerReference, options: CgroupHandlerOptions) {
    this.reference = reference;
    this.#options = options;
    const { fs, hierarchies, kinds } = options;
    const { all, mode } = hierarchies;
    this.#unified = mode === "unified";
    for (const hierarchy of all) {
      for (const { file, kind, parse, isFrozen } of filesOf(hierarchy, all)) {
        if (kind !== undefined && !kinds.has(kind)) continue;
        const path = `${this.#directory(hierarchy)}/${file}`;
        this.#files.push({ control: fs.controlFile(path, !isFrozen), parse });
      }
    }
    const blkio = all.find(({ version, controllers }) =>
      version === 1 && controllers.includes("blkio")
    );
    if (blkio !== undefined && kinds.has("diskIO")) {
      this.#blkio = new BlkioFiles(fs, this.#directory(blkio));
    }
    this.#oomKillFile = new OomKillFile(
      fs,
      hierarchies,
      (hierarchy) => this.#directory(hierarchy),
    );
  }

  /** @inheritdoc */
  get collectsDiskIo(): boolean {
    return this.#options.kinds.has("diskIO");
  }

  /** @inheritdoc */
  spec(): ContainerSpec {
    const { fs, hierarchies, kinds } = this.#options;
    const directories = new Map<string, string>();
    for (const hierarchy of hierarchies.all) {
      const directory = this.#directory(hierarchy);
      if (fs.directory(directory) === undefined) continue;
      if (this.#unified) directories.set("unified", directory);
      else {
        for (const name of hierarchy.controllers) {
          if (!directories.has(name)) directories.set(name, directory);
        }
      }
    }
    const spec = readSpec(fs, directories, kinds.has("process"));
    if (this.reference.name !== ROOT) return spec;
    const meminfo = readMeminfo(fs);
    const limitBytes = meminfo.get("MemTotal");
    const swapLimitBytes = meminfo.get("SwapTotal");
    return {
      ...spec,
      memory: {
        ...(limitBytes !== undefined && { limitBytes }),
        ...(swapLimitBytes !== undefined && { swapLimitBytes }),
      },
    };
  }

  /** @inheritdoc */
  sample(): SampleResult {
    const { fs } = this.#options;
    const { builder } = this;
    let gone = false;
    let found = false;
    let first: unknown;
    const attempt = (read: () => void) => {
      try {
        read();
      } catch (error) {
        if (isGone(error)) gone = true;
        else first ??= error;
      }
    };
    builder.clear();
    for (const { control, parse } of this.#files) {
      attempt(() => {
        const length = control.read();
        if (length < 0) return;
        found = true;
        parse(fs.bytes, length, builder, control.path);
      });
    }
    const { name } = this.reference;
    if (this.#blkio !== undefined) attempt(() => this.#blkio?.read(builder));
    if (this.#unified && name === ROOT) this.#sampleUnifiedRoot();
    // Files that were not open do not say that they are gone: they are just not there.
    if (this.#isThere && !found && first === undefined) gone = true;
    this.#isThere = found;
    return { gone, ...(first !== undefined && { error: first }) };
  }

  /** @inheritdoc */
  oomKills(): OomKillCount | undefined {
    return unlessFails(() => this.#oomKillFile.read());
  }

  /** @inheritdoc */
  oomKillsBelow(): number | undefined {
    return unlessFails(() => this.#oomKillFile.readSubtree());
  }

  /** @inheritdoc */
  memoryLimitHits(): MemoryLimitHits | undefined {
    return unlessFails(() => this.#oomKillFile.readLimitHits());
  }

  /** @inheritdoc */
  refresh(): void {
    for (const { control } of this.#files) control.recheck();
    this.#oomKillFile.recheck();
    this.#blkio?.recheck();
  }

  /** @inheritdoc */
  close(): void {
    for (const { control } of this.#files) control.close();
    this.#oomKillFile.close();
    this.#blkio?.close();
  }

  /** The root of v2 has no `memory.current` and no swap file: the machine's own numbers serve. */
  #sampleUnifiedRoot(): void {
    const { row } = this.builder;
    const usage = (row[COLUMN.memoryRss] ?? NaN) +
      (row[COLUMN.memoryCache] ?? NaN);
    if (Number.isNaN(row[COLUMN.memoryUsage])) row[COLUMN.memoryUsage] = usage;
    if (!Number.isNaN(row[COLUMN.memorySwap])) return;
    const memory = readMeminfo(this.#options.fs);
    row[COLUMN.memorySwap] = (memory.get("SwapTotal") ?? NaN) -
      (memory.get("SwapFree") ?? NaN);
  }

  #directory({ path }: Hierarchy): string {
    return this.reference.name === ROOT ? path : path + this.reference.name;
  }
}

function unlessFails<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch {
    // Gone, or not in its form, which the next sample complains of.
    return undefined;
  }
}

/** The files to read in a hierarchy: on a hybrid host v2 has what no v1 hierarchy has. */
function filesOf(
  hierarchy: Hierarchy,
  all: readonly Hierarchy[],
): readonly CgroupFile[] {
  if (hierarchy.version === 1) {
    return V1_FILES.filter(({ controller }) =>
      hierarchy.controllers.includes(controller)
    );
  }
  const legacy = new Set(
    all.flatMap(({ version, controllers }) => version === 1 ? controllers : []),
  );
  if (legacy.size === 0) return V2_FILES;
  // Every v2 cgroup has a cpu.stat, whichever controllers it has.
  const hasCpu = !legacy.has("cpu") && !legacy.has("cpuacct");
  return V2_FILES.filter((file) =>
    PRESSURE_FILES.includes(file) ||
    (file.controller === "cpu" ? hasCpu : !legacy.has(file.controller) &&
      hierarchy.controllers.includes(file.controller))
  );
}
