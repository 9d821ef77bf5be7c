// Exceeds 300 lines: opens and closes all files of one container.

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

export interface CgroupHandlerOptions {
  readonly fs: HostFs;
  readonly hierarchies: Hierarchies;
  readonly kinds: ReadonlySet<string>;
  /**
   * Process with the container's network and limits.
   *
   * @default the first in `cgroup.procs`; 1 for the root
   */
  readonly initPid?: () => number | undefined;
  /**
   * Whether to read network counters; false if another container has the same
   * network.
   *
   * @default always
   */
  readonly reportsNetwork?: () => boolean;
  /** The machine's, for the root. */
  readonly filesystems?: Pick<Filesystems, "at">;
}

const PROCESS_CONTROLLERS = ["pids", "cpu", "memory", "devices"] as const;

/**
 * Age at which a cgroup exists in all hierarchies: runtimes take some
 * milliseconds (runc 1.1, 10 hierarchies).
 */
const COMPLETE_MS = 250;

const HOST_PID = 1;

interface SampledFile {
  readonly control: ControlFile;
  readonly fallback: ControlFile | undefined;
  readonly parse: CgroupFile["parse"];
  readonly listsProcesses: boolean;
}

/** Reads one container's cgroup files, in any mode. */
export class CgroupHandler implements ContainerHandler {
  readonly reference: ContainerReference;
  readonly builder: RowBuilder = new RowBuilder();
  readonly #options: CgroupHandlerOptions;
  readonly #files: readonly SampledFile[];
  /** Contains the CPU usage. */
  readonly #cpuFile: SampledFile | undefined;
  readonly #blkio: BlkioFiles | undefined;
  readonly #processes: ProcessStatsReader;
  readonly #network: NetworkStatsReader;
  readonly #resctrl: ResctrlReader | undefined;
  readonly #devices: DeviceNames;
  readonly #oomKillFile: OomKillFile;
  readonly #unified: boolean;
  readonly #unifiedMemory: boolean;
  #creationTimeMs: number | undefined;
  /** Whether the last sample found any file. */
  #hasFiles = true;

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
    const fileNamed = (name: string) =>
      this.#files.find(({ control }) => control.path.endsWith(`/${name}`));
    this.#cpuFile = fileNamed("cpuacct.usage") ?? fileNamed("cpu.stat");
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

  get collectsDiskIo(): boolean {
    return this.#options.kinds.has("diskIO");
  }

  deviceName(device: string): string | undefined {
    return this.#devices.nameOf(device);
  }

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

  isComplete(ageMs: number): boolean {
    const { fs } = this.#options;
    return ageMs >= COMPLETE_MS || planOf(this.#options).hierarchies.every(
      (hierarchy) => fs.statDirectory(this.#directory(hierarchy)) !== undefined,
    );
  }

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
    // After a removal, files that were not open are missing, without error.
    if (this.#hasFiles && !found && first === undefined) gone = true;
    this.#hasFiles = found;
    return { gone, ...(first !== undefined && { error: first }) };
  }

  hasUsedCpu(): boolean {
    const file = this.#cpuFile;
    const { row } = this.builder;
    const before = row[COLUMN.cpuUsageNs] ?? NaN;
    if (file === undefined || !unlessFails(() => this.#readFile(file))) {
      return false;
    }
    return (row[COLUMN.cpuUsageNs] ?? NaN) > before;
  }

  filesystems(timestampMs: number): readonly FsStats[] | undefined {
    return this.#hasFilesystems
      ? this.#options.filesystems?.at(timestampMs)
      : undefined;
  }

  oomKills(): OomKillCount | undefined {
    return unlessFails(() => this.#oomKillFile.read());
  }

  memoryInode(): number | undefined {
    return unlessFails(() => this.#oomKillFile.inode());
  }

  memoryLimitHits(): MemoryLimitHits | undefined {
    return unlessFails(() => this.#oomKillFile.readLimitHits());
  }

  refresh(): void {
    for (const { control, fallback } of this.#files) {
      control.recheck();
      fallback?.recheck();
    }
    this.#devices.forget();
    this.#oomKillFile.recheck();
    this.#blkio?.recheck();
  }

  close(): void {
    for (const { control, fallback } of this.#files) {
      control.close();
      fallback?.close();
    }
    this.#oomKillFile.close();
    this.#blkio?.close();
  }

  /** Whether the file exists. */
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
    const initPid = this.#options.initPid?.();
    if (initPid !== undefined) return initPid;
    if (this.reference.name === ROOT) return HOST_PID;
    // Known to have no processes.
    if (this.builder.row[COLUMN.processCount] === 0) return undefined;
    return this.#processes.firstPid();
  }

  /**
   * A process in the container's own network namespace; for the root, the
   * host's.
   */
  #networkPid(): number | undefined {
    const { reportsNetwork = () => true } = this.#options;
    if (!this.#network.collects || !reportsNetwork()) return undefined;
    const pid = this.#initPid();
    if (pid === undefined) return undefined;
    return this.reference.name === ROOT || this.#network.isOwn(pid)
      ? pid
      : undefined;
  }

  /** The v2 root has no files of memory usage and swap. */
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
    // Gone, or invalid, as the next sample reports.
    return undefined;
  }
}

/** Files to read, the same for every container of a host. */
interface Plan {
  readonly kinds: ReadonlySet<string>;
  readonly files: readonly (readonly [Hierarchy, CgroupFile])[];
  readonly hierarchies: readonly Hierarchy[];
  readonly ofProcesses: readonly Hierarchy[];
}

/** Building a plan takes longer than the rest of a handler. */
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
    hierarchies: [...new Set(files.map(([hierarchy]) => hierarchy))],
    ofProcesses: processHierarchies(hierarchies.all),
  };
  plans.set(hierarchies, plan);
  return plan;
}

/** On hybrid hosts, v2 provides only controllers that v1 lacks. */
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
  // Every v2 cgroup has a `cpu.stat`.
  const hasCpu = !legacy.has("cpu") && !legacy.has("cpuacct");
  return files.filter((file) =>
    PRESSURE_FILES.includes(file) ||
    (file.controller === "cpu" ? hasCpu : !legacy.has(file.controller) &&
      controllers.includes(file.controller))
  );
}

/**
 * For listing processes: first v1 hierarchies in which runtimes place every
 * process, v2 last.
 */
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
