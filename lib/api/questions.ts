import type { CgroupName } from "../model/cgroup.ts";
import type {
  ContainerInfo,
  ContainerInfoRequest,
  ContainerInfoV2,
  ContainerReference,
  ContainerSpec,
  RequestOptions,
} from "../model/container.ts";
import type { FsInfo } from "../model/filesystem.ts";
import type { MachineInfo, VersionInfo } from "../model/machine.ts";
import type { ProcessInfo, ProcessListOptions } from "../model/process.ts";
import type { NodeSummary, NodeSummaryOptions } from "../model/node_summary.ts";
import type { SourceState } from "../model/source_state.ts";
import type { DescribedUsage } from "../model/usage.ts";

/** Who a container is and what it may use. */
export interface ContainerDescription {
  /** Who it is. */
  readonly reference: ContainerReference;
  /** What it may use. */
  readonly spec: ContainerSpec;
}

/**
 * What the API asks of the agent; the manager answers. Each of these throws an
 * `UnknownContainerError` for a container that is not known.
 */
export interface Questions {
  /** Whether the containers found at start have been taken in. */
  readonly ready: boolean;
  /** One container with its recent samples. */
  containerInfo(name: CgroupName, request: ContainerInfoRequest): ContainerInfo;
  /** A container and all below it. */
  subcontainersInfo(
    name: CgroupName,
    request: ContainerInfoRequest,
  ): readonly ContainerInfo[];
  /** The containers that the options select, sampled anew where too old. */
  containerInfoV2(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<ReadonlyMap<CgroupName, ContainerInfoV2>>;
  /** As {@linkcode Questions.containerInfoV2}, in the form of v1. */
  requestedContainersInfo(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<ReadonlyMap<CgroupName, ContainerInfo>>;
  /** Limits and identity of the containers that the options select. */
  containerSpec(
    name: CgroupName,
    options: RequestOptions,
  ): ReadonlyMap<CgroupName, ContainerDescription>;
  /**
   * Containers of a runtime: all where `alias` is `/`, else the one with that
   * id, name, or unique beginning of one.
   */
  namespaceInfo(
    namespace: string,
    alias: CgroupName,
    request: ContainerInfoRequest,
  ): readonly ContainerInfo[];
  /** What the containers that the options select used in the last minute, hour and day. */
  derivedStats(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<ReadonlyMap<CgroupName, DescribedUsage>>;
  /** The processes of one container, without those below it; of the root all there are. */
  processList(
    name: CgroupName,
    options: RequestOptions & ProcessListOptions,
  ): Promise<readonly ProcessInfo[]>;
  /** The node, its pods and what they use. */
  nodeSummary(options: NodeSummaryOptions): Promise<NodeSummary>;
  /** What is known of the machine. */
  machineInfo(): MachineInfo;
  /** Versions of what runs here. */
  versionInfo(): VersionInfo;
  /** The file systems with a label, or all of them. @throws {UnknownFilesystemError} */
  fsInfo(label?: string): readonly FsInfo[];
  /** The file system with a UUID. @throws {UnknownFilesystemError} */
  fsInfoByUuid(uuid: string): FsInfo;
  /** How each source of facts fares. */
  sources(): readonly SourceState[];
}
