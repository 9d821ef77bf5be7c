// Longer than other files: it opens and closes all that one container reads.

import { ROOT } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import { isGone } from "../model/errors.ts";
import type { FsStats } from "../model/filesystem.ts";
import { COLUMN, RowBuilder } from "../model/sample.ts";
import { BlkioFiles } from "../kernfs/cgroup/blkio.ts";
import type { CgroupFile } from "../kernfs/cgroup/cgroup_file.ts";
import { controlFiles, PRESSURE_FILES } from "../kernfs/cgroup/cgroup_files.ts";
import { readSpec } from "../kernfs/cgroup/cgroup_spec.ts";
import { DeviceNames } from "../kernfs/sys/device_names.ts";
import type { Filesystems } from "../filesystems/filesystems.ts";
import type { Hierarchies, Hierarchy } from "../kernfs/cgroup/hierarchy.ts";
import { ControlFile } from "../kernfs/control_file.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { readMeminfo } from "../kernfs/machine.ts";
import { NetworkStatsReader } from "../kernfs/proc/network_stats.ts";
import {
  type OomKillCount,
  OomKillFile,
} from "../kernfs/cgroup/oom_kill_file.ts";
import { ProcessStatsReader } from "../kernfs/proc/process_stats.ts";
import { ResctrlReader } from "../kernfs/sys/resctrl_stats.ts";
import type {
  ContainerHandler,
  MemoryLimitHits,
  SampleResult,
} from "../registry/handler_registry.ts";

/** What every handler of cgroups needs. */
export interface CgroupHandlerOptions {
  readonly fs: HostFs;
  readonly hierarchies: Hierarchies;
  /** Kinds of measurement that are on, by cAdvisor's names. */
  readonly kinds: ReadonlySet<string>;
  /**
   * The process whose network and limits are the container's, where a runtime
   * tells. @default the first of its `cgroup.procs`; 1 of the root
   */
  readonly initPid?: () => number | undefined;
  /** Whether it tells of its network now; false where another container tells of the same. @default always */
  readonly reportsNetwork?: () => boolean;
  /** Of the machine, which are those of the root. */
  readonly filesystems?: Pick<Filesystems, "at">;
}

const PROCESS_CONTROLLERS = ["pids", "cpu", "memory", "devices"] as const;

/** By then a cgroup is in all hierarchies that it will be in: runtimes take some milliseconds (runc 1.1, 10 hierarchies). */
const WHOLE_MS = 250;

/** The host's first process. */
const HOST_PID = 1;

interface SampledFile {
  readonly control: ControlFile;
  readonly fallback: ControlFile | undefined;
  readonly parse: CgroupFile["parse"];
  readonly listsProcesses: boolean;
}

/** Reads one container from its cgroup files, whatever the hierarchy mode. */
export class CgroupHandler implements ContainerHandler {
  readonly reference: ContainerReference;
  readonly builder: RowBuilder = new RowBuilder();
  readonly #options: CgroupHandlerOptions;
  readonly #files: readonly SampledFile[];
  readonly #blkio: BlkioFiles | undefined;
  readonly #processes: ProcessStatsReader;
  readonly #network: NetworkStatsReader;
  readonly #resctrl: ResctrlReader | undefined;
  readonly #devices: DeviceNames;
  readonly #oomKillFile: OomKillFile;
  readonly #unified: boolean;
  readonly #unifiedMemory: boolean;
  #creationTimeMs: number | undefined;
  /** Whether any file was there when last looked. */
  #isThere = true;

  constructor(reference: ContainerReference, options: CgroupHandlerOptions) {
    this.reference = reference;
    this.#options = options;
    const { fs, hierarchies, kinds } = options;
    const { all, mode } = hierarchies;
    const { files, ofProcesses } = planOf(options);
    this.#unified = mode === "unified";
    this.#unifiedMemory = this.#unified ||
      all.some((hierarchy) =>
        hierarchy.version === 2 && hierarchy.controllers.includes("memory")
      );
    this.#files = files.map(([hierarchy, file]) => {
      const directory = this.#directory(hierarchy);
      const { fallback, parse, isFrozen, listsProcesses = false } = file;
      return {
        control: new ControlFile(fs, `${directory}/${file.file}`, !isFrozen),
        fallback: fallback === undefined
          ? undefined
          : new ControlFile(fs, `${directory}/${fallback}`),
        parse,
        listsProcesses,
      };
    });
    const directories = ofProcesses
      .map((hierarchy) => this.#directory(hierarchy));
    this.#processes = new ProcessStatsReader(fs, directories, kinds);
    if (kinds.has("resctrl")) {
      this.#resctrl = new ResctrlReader(fs, directories);
    }
    this.#network = new NetworkStatsReader(fs, kinds);
    this.#devices = new DeviceNames(fs);
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
  deviceName(device: string): string | undefined {
    return this.#devices.nameOf(device);
  }

  /** @inheritdoc */
  spec(): ContainerSpec {
    const { fs, hierarchies, kinds } = this.#options;
    const directories = new Map<string, string>();
    for (const hierarchy of hierarchies.all) {
      const directory = this.#directory(hierarchy);
      if (!fs.exists(directory)) continue;
      if (this.#unified) directories.set("unified", directory);
      else {
        for (const name of hierarchy.controllers) {
          if (!directories.has(name)) directories.set(name, directory);
        }
      }
    }
    const { name } = this.reference;
    const hasNetwork = kinds.has("network") && this.#networkPid() !== undefined;
    const spec = readSpec(fs, {
      name,
      directories,
      kinds,
      hasNetwork,
      ...(this.#creationTimeMs !== undefined &&
        { creationTimeMs: this.#creationTimeMs }),
    });
    this.#creationTimeMs = spec.creationTimeMs;
    if (name !== ROOT) return spec;
    const meminfo = readMeminfo(fs);
    const limitBytes = meminfo.get("MemTotal");
    const swapLimitBytes = meminfo.get("SwapTotal");
    const reservationBytes = spec.memory?.reservationBytes;
    return {
      ...spec,
      ...(this.#hasFilesystems && { hasFilesystems: true }),
      memory: {
        ...(limitBytes !== undefined && { limitBytes }),
        ...(reservationBytes !== undefined && { reservationBytes }),
        ...(swapLimitBytes !== undefined && { swapLimitBytes }),
      },
    };
  }

  /** @inheritdoc */
  isWhole(ageMs: number): boolean {
    const { fs } = this.#options;
    return ageMs >= WHOLE_MS || planOf(this.#options).measured.every(
      (hierarchy) => fs.directory(this.#directory(hierarchy)) !== undefined,
    );
  }

  /** @inheritdoc */
  sample(): SampleResult {
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
    for (const file of this.#files) {
      try {
        if (this.#readFile(file)) found = true;
      } catch (error) {
        if (isGone(error)) gone = true;
        else first ??= error;
      }
    }
    attempt(() => this.#processes.read(builder, () => this.#initPid()));
    attempt(() => {
      const pid = this.#networkPid();
      if (pid !== undefined) this.#network.read(builder, pid);
    });
    attempt(() => this.#resctrl?.read(builder));
    const { name } = this.reference;
    if (this.#blkio !== undefined) attempt(() => this.#blkio?.read(builder));
    if (this.#unifiedMemory && name === ROOT) this.#sampleUnifiedRoot();
    // Files that were not open do not say that they are gone: they are just not there.
    if (this.#isThere && !found && first === undefined) gone = true;
    this.#isThere = found;
    return { gone, ...(first !== undefined && { error: first }) };
  }

  /** @inheritdoc */
  filesystems(timestampMs: number): readonly FsStats[] | undefined {
    return this.#hasFilesystems
      ? this.#options.filesystems?.at(timestampMs)
      : undefined;
  }

  /** @inheritdoc */
  oomKills(): OomKillCount | undefined {
    return unlessFails(() => this.#oomKillFile.read());
  }

  /** @inheritdoc */
  memoryInode(): number | undefined {
    return unlessFails(() => this.#oomKillFile.inode());
  }

  /** @inheritdoc */
  memoryLimitHits(): MemoryLimitHits | undefined {
    return unlessFails(() => this.#oomKillFile.readLimitHits());
  }

  /** @inheritdoc */
  refresh(): void {
    for (const { control, fallback } of this.#files) {
      control.recheck();
      fallback?.recheck();
    }
    this.#devices.forget();
    this.#oomKillFile.recheck();
    this.#blkio?.recheck();
  }

  /** @inheritdoc */
  close(): void {
    for (const { control, fallback } of this.#files) {
      control.close();
      fallback?.close();
    }
    this.#oomKillFile.close();
    this.#blkio?.close();
  }

  /** Puts what a file says into the row; returns whether it is there. */
  #readFile(file: SampledFile): boolean {
    const { control, fallback, parse, listsProcesses } = file;
    const { row } = this.builder;
    if (listsProcesses && row[COLUMN.threadsCurrent] === 0) {
      row[COLUMN.processCount] = 0;
      return true;
    }
    let length = control.read();
    if (length < 0) length = fallback?.read() ?? -1;
    if (length < 0) return false;
    parse(this.#options.fs.bytes, length, this.builder, control.path);
    return true;
  }

  #initPid(): number | undefined {
    const told = this.#options.initPid?.();
    if (told !== undefined) return told;
    if (this.reference.name === ROOT) return HOST_PID;
    // Most cgroups without processes are seen to be by what was read anyway.
    if (this.builder.row[COLUMN.processCount] === 0) return undefined;
    return this.#processes.firstPid();
  }

  /** A process with the container's own network; the root's is the host's. */
  #networkPid(): number | undefined {
    const { reportsNetwork = () => true } = this.#options;
    if (!this.#network.collects || !reportsNetwork()) return undefined;
    const pid = this.#initPid();
    if (pid === undefined) return undefined;
    return this.reference.name === ROOT || this.#network.isOwn(pid)
      ? pid
      : undefined;
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

  get #hasFilesystems(): boolean {
    const { filesystems, kinds } = this.#options;
    return this.reference.name === ROOT && filesystems !== undefined &&
      kinds.has("disk");
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

/** What to read, and where; the same for every container of a host. */
interface Plan {
  readonly kinds: ReadonlySet<string>;
  readonly files: readonly (readonly [Hierarchy, CgroupFile])[];
  /** Where any of the files are. */
  readonly measured: readonly Hierarchy[];
  /** Where processes are listed. */
  readonly ofProcesses: readonly Hierarchy[];
}

/** To make one takes longer than all else that a handler is made of. */
const plans = new WeakMap<Hierarchies, Plan>();

function planOf(options: CgroupHandlerOptions): Plan {
  const { hierarchies, kinds } = options;
  const known = plans.get(hierarchies);
  if (known?.kinds === kinds) return known;
  const files = hierarchies.all.flatMap((hierarchy) =>
    filesOf(hierarchy, options).map((file) => [hierarchy, file] as const)
  );
  const plan: Plan = {
    kinds,
    files,
    measured: [...new Set(files.map(([hierarchy]) => hierarchy))],
    ofProcesses: processHierarchies(hierarchies.all),
  };
  plans.set(hierarchies, plan);
  return plan;
}

/** The files to read in a hierarchy: on a hybrid host v2 has what no v1 hierarchy has. */
function filesOf(
  { version, controllers }: Hierarchy,
  { fs, hierarchies: { all }, kinds }: CgroupHandlerOptions,
): readonly CgroupFile[] {
  const files = controlFiles(version, fs, kinds);
  if (version === 1) {
    return files.filter(({ controller }) => controllers.includes(controller));
  }
  const legacy = new Set(
    all.flatMap(({ version, controllers }) => version === 1 ? controllers : []),
  );
  if (legacy.size === 0) return files;
  // Every v2 cgroup has a cpu.stat, whichever controllers it has.
  const hasCpu = !legacy.has("cpu") && !legacy.has("cpuacct");
  return files.filter((file) =>
    PRESSURE_FILES.includes(file) ||
    (file.controller === "cpu" ? hasCpu : !legacy.has(file.controller) &&
      controllers.includes(file.controller))
  );
}

/** Where processes are listed: on v1 first where runtimes put every one, v2 last. */
function processHierarchies(all: readonly Hierarchy[]): Hierarchy[] {
  const rank = ({ version, controllers }: Hierarchy) => {
    const first = PROCESS_CONTROLLERS.findIndex((controller) =>
      controllers.includes(controller)
    );
    if (first >= 0 && version === 1) return first;
    return PROCESS_CONTROLLERS.length + version;
  };
  return all.toSorted((a, b) => rank(a) - rank(b));
}
