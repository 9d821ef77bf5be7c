import type { ManagerQueries } from "../../lib/api/endpoints.ts";
import type { ManagedContainer } from "../../lib/manager/managed_container.ts";
import { type CgroupName, isDescendant, ROOT } from "../../lib/model/cgroup.ts";
import type {
  ContainerInfo,
  ContainerInfoRequest,
  ContainerSpec,
  RequestOptions,
} from "../../lib/model/container.ts";
import {
  UnknownContainerError,
  UnknownFilesystemError,
} from "../../lib/model/errors.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import type {
  MachineAttributes,
  MachineInfo,
} from "../../lib/model/machine.ts";
import type {
  ProcessInfo,
  ProcessListOptions,
} from "../../lib/model/process.ts";
import type { NodeSummary } from "../../lib/model/node_summary.ts";
import type { SourceState } from "../../lib/model/source_state.ts";
import type { ContainerStats } from "../../lib/model/stats.ts";
import type { DerivedStats, DescribedUsage } from "../../lib/model/usage.ts";

/** A machine with the required values only. */
const MACHINE: MachineAttributes = {
  timestampMs: 1000,
  numCores: 2,
  memoryByType: new Map(),
  hugepages: [],
  disks: [],
  networkDevices: [],
  topology: [],
};

const SPEC: ContainerSpec = { hasDiskIo: true, cpu: { shares: 1024 } };

/** Returns fixed containers, and records its calls. */
export class FakeManager implements ManagerQueries {
  ready = true;
  spec: ContainerSpec = SPEC;
  stats: readonly ContainerStats[] = [{
    timestampMs: 1000,
    cpu: { usageNs: 5 },
  }];
  usage: DerivedStats = {
    latest: {},
    minute: { percentComplete: 0 },
    hour: { percentComplete: 0 },
    day: { percentComplete: 0 },
  };
  processes: ProcessInfo[] = [];
  states: readonly SourceState[] = [
    { name: "kmsg", state: "off", detail: "turned off" },
  ];
  filesystems: readonly FsInfo[] = [{
    timestampMs: 1000,
    device: "/dev/sda1",
    mountPoint: "/",
    type: "vfs",
    major: 8,
    minor: 1,
    labels: ["root"],
    uuid: "1C-2",
    capacityBytes: 4096,
  }];
  /** Name and arguments of each call. */
  readonly calls: [
    string,
    CgroupName,
    ContainerInfoRequest | (RequestOptions & ProcessListOptions),
  ][] = [];
  readonly #names: readonly CgroupName[];

  constructor(names: readonly CgroupName[] = ["/", "/a", "/a/b"]) {
    this.#names = names;
  }

  containerInfo(
    name: CgroupName,
    request: ContainerInfoRequest,
  ): ContainerInfo {
    this.calls.push(["containerInfo", name, request]);
    return this.#info(name);
  }

  subcontainersInfo(
    name: CgroupName,
    request: ContainerInfoRequest,
  ): ContainerInfo[] {
    this.calls.push(["subcontainersInfo", name, request]);
    return this.#select(name, true).map((selected) => this.#info(selected));
  }

  containerInfoV2(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<Map<CgroupName, ContainerInfo>> {
    this.calls.push(["containerInfoV2", name, options]);
    const names = this.#select(name, options.recursive ?? false);
    return Promise.resolve(
      new Map(names.map((selected) => [selected, this.#info(selected)])),
    );
  }

  requestedContainersInfo(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<Map<CgroupName, ContainerInfo>> {
    return this.containerInfoV2(name, options);
  }

  managedContainers(): Promise<readonly ManagedContainer[]> {
    return Promise.resolve([]);
  }

  oomKills(): Iterable<readonly [CgroupName, number]> {
    return [];
  }

  nodeSummary(): Promise<NodeSummary> {
    return Promise.resolve({
      nodeName: "n1",
      systemContainers: [],
      pods: [],
      tasks: { timestampMs: 1000, max: 32_768 },
      filesystems: {},
    });
  }

  containerSpec(
    name: CgroupName,
    options: RequestOptions,
  ): Map<CgroupName, ContainerInfo> {
    this.calls.push(["containerSpec", name, options]);
    const names = this.#select(name, options.recursive ?? false);
    return new Map(names.map((selected) => [selected, this.#info(selected)]));
  }

  machineInfo(): MachineInfo {
    return { ...MACHINE, filesystems: this.filesystems };
  }

  fsInfo(label?: string): readonly FsInfo[] {
    return this.filesystems.filter(({ labels }) =>
      label === undefined || labels.includes(label)
    );
  }

  fsInfoByUuid(uuid: string): FsInfo {
    const found = this.filesystems.find((info) => info.uuid === uuid);
    if (found === undefined) throw new UnknownFilesystemError(uuid);
    return found;
  }

  namespaceInfo(
    namespace: string,
    alias: CgroupName,
    request: ContainerInfoRequest,
  ): ContainerInfo[] {
    this.calls.push([`namespaceInfo ${namespace}`, alias, request]);
    return this.#select(alias, alias === ROOT)
      .map((selected) => this.#info(selected));
  }

  derivedStats(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<Map<CgroupName, DescribedUsage>> {
    this.calls.push(["derivedStats", name, options]);
    const names = this.#select(name, options.recursive ?? false);
    return Promise.resolve(
      new Map(names.map((selected) => [
        selected,
        { reference: { name: selected }, usage: this.usage },
      ])),
    );
  }

  processList(
    name: CgroupName,
    options: RequestOptions & ProcessListOptions,
  ): Promise<ProcessInfo[]> {
    this.calls.push(["processList", name, options]);
    this.#select(name, false);
    return Promise.resolve(this.processes);
  }

  versionInfo(): {
    kernelVersion: string;
    containerOsVersion: string;
    version: string;
  } {
    return {
      kernelVersion: "6.1",
      containerOsVersion: "Linux",
      version: "0.1.0",
    };
  }

  sources(): readonly SourceState[] {
    return this.states;
  }

  #select(name: CgroupName, isRecursive: boolean): CgroupName[] {
    const found = this.#names.filter((known) =>
      known === name || (isRecursive && isDescendant(known, name))
    );
    if (found.length === 0) throw new UnknownContainerError(name);
    return found;
  }

  #info(name: CgroupName): ContainerInfo {
    const [found = name] = this.#select(name, false);
    return {
      reference: { name: found },
      subcontainers: [],
      spec: this.spec,
      stats: this.stats,
    };
  }
}
