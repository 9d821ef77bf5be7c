import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerReference } from "../model/container.ts";
import type {
  ContainerMetadata,
  RuntimeName,
} from "../model/container_metadata.ts";
import { messageOf } from "../model/errors.ts";
import type {
  ContainerUpdateData,
  EventContainer,
  EventPod,
  NewEvent,
} from "../model/event.ts";
import type { SourceState } from "../model/source_state.ts";
import {
  type CgroupOrigin,
  type ContainerOrigin,
  parseCgroupOrigin,
} from "./cgroup_origin.ts";
import type { EngineEvent } from "./engine.ts";
import type { ContainerLookup } from "./container_lookup.ts";
import { changedFields, describeContainer } from "./identity_description.ts";
import { defined } from "../model/defined.ts";
import { dropOldest } from "../model/drop_oldest.ts";
import { LookupQueue } from "./lookup_queue.ts";

/** Dependencies. */
export interface IdentityStoreOptions {
  readonly clock: Clock;
  readonly lookup: Pick<ContainerLookup, "find">;
  /** Returns a cgroup's first process, in the host's PID namespace. */
  readonly firstPid: (cgroup: CgroupName) => number | undefined;
}

/** A container's new metadata. */
export interface IdentityUpdate {
  readonly cgroup: CgroupName;
  readonly data: ContainerUpdateData;
}

/** A removed container. */
export interface RemovedContainer {
  readonly reference: ContainerReference;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Running or recently removed. */
interface Identity {
  readonly cgroup: CgroupName;
  readonly origin: ContainerOrigin;
  metadata?: Omit<ContainerMetadata, "exitCode"> & { exitCode?: number };
  removedMs?: number;
  /** Cached {@linkcode IdentityStore.referenceOf}. */
  reference?: ContainerReference;
  /**
   * From the last engine event. A lookup that started earlier may return older
   * metadata.
   */
  lastReported?: ContainerMetadata;
}

/** Kernel log lines may arrive late. */
const RETENTION_MS = 5 * 60_000;
const MAX_REMOVED = 10_000;

/** Maximum number of containers from engine events, with or without a cgroup. */
const MAX_REPORTED = 20_000;

/** A runtime may write its files after creating the cgroup. */
const RETRIES_MS: readonly number[] = [
  50,
  100,
  300,
  1_000,
  1_000,
  5_000,
  30_000,
];
/** For cgroups that may not be containers. */
const UNCERTAIN_RETRIES_MS: readonly number[] = [200, 1_000];
/** Exit codes are written after the cgroup's removal. */
const EXIT_RETRIES_MS: readonly number[] = [30, 100, 300, 1_000, 3_000];

const REPORTS_EXIT_CODE: ReadonlySet<string> = new Set(["docker", "podman"]);

/**
 * Stores containers' identities. Lookups run in the background: readers get
 * current metadata, changes follow as updates.
 *
 * Exceeds 300 lines: one table with many readers and writers.
 */
export class IdentityStore {
  readonly #options: IdentityStoreOptions;
  readonly #queue: LookupQueue<Identity>;
  readonly #running = new Map<CgroupName, Identity>();
  /** In order of removal. */
  readonly #removed = new Map<CgroupName, Identity>();
  readonly #byId = new Map<string, Set<Identity>>();
  /** Keyed by ID, or by cgroup for an uncertain ID; latest last. */
  readonly #reported = new Map<string, ContainerMetadata>();
  /** Keyed by UID; latest last. */
  readonly #pods = new Map<string, EventPod>();
  /** A process per pod, keyed by UID; latest last. */
  readonly #podPids = new Map<string, number>();
  #onUpdate: (update: IdentityUpdate) => void = () => {};
  /** Certain containers whose first lookup has not ended. */
  readonly #unseen = new Set<Identity>();
  readonly #onSeen: (() => void)[] = [];
  #failure = "";

  constructor(options: IdentityStoreOptions) {
    this.#options = options;
    this.#queue = new LookupQueue(
      options.clock,
      (identity) => this.#lookUp(identity),
    );
  }

  start(onUpdate: (update: IdentityUpdate) => void): void {
    this.#onUpdate = onUpdate;
  }

  /** Resolves once each runtime's container was looked up, found or not. */
  async waitForFirstLookups(): Promise<void> {
    if (this.#unseen.size === 0) return;
    await new Promise<void>((resolve) => this.#onSeen.push(resolve));
  }

  /** Resolves after pending lookups. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /** `degraded` if a container has no name or a lookup hangs. */
  get state(): SourceState {
    let unnamed = 0;
    for (const { metadata, origin } of this.#running.values()) {
      if (origin.isCertain && metadata === undefined) unnamed++;
    }
    const { hung } = this.#queue;
    const name = "names";
    if (hung > 0) {
      return {
        name,
        state: "degraded",
        detail: `${hung} lookups hang; ${unnamed} containers without a name`,
      };
    }
    if (unnamed === 0) return { name, state: "ok", detail: "" };
    return {
      name,
      state: this.#queue.size === 0 || this.#failure ? "degraded" : "ok",
      detail: `${unnamed} containers without a name${
        this.#failure && `: ${this.#failure}`
      }`,
    };
  }

  add(cgroup: CgroupName): void {
    const origin = parseCgroupOrigin(cgroup);
    if (origin?.kind !== "container") return;
    this.#dropRemoved(cgroup);
    const reported = this.#reportedMetadata(origin, cgroup);
    const identity: Identity = { cgroup, origin };
    // These fields belong to the previous run.
    const { exitCode: _, pid: __, health: ___, ...metadata } = reported ??
      {} as Partial<ContainerMetadata>;
    if (reported !== undefined) {
      identity.metadata = metadata as ContainerMetadata;
      this.#reported.set(reportKey(origin, cgroup), identity.metadata);
    }
    this.#running.set(cgroup, identity);
    const same = this.#byId.get(origin.id);
    if (same === undefined) this.#byId.set(origin.id, new Set([identity]));
    else same.add(identity);
    if (origin.runtimes[0] === "rkt") return;
    if (origin.isCertain) this.#unseen.add(identity);
    this.#queue.add(
      identity,
      origin.isCertain ? RETRIES_MS : UNCERTAIN_RETRIES_MS,
      origin.isCertain,
    );
  }

  /** Returns the exit code, if known. */
  remove(cgroup: CgroupName): number | undefined {
    const identity = this.#running.get(cgroup);
    if (identity === undefined) return undefined;
    this.#running.delete(cgroup);
    identity.removedMs = this.#options.clock.monotonic();
    this.#removed.set(cgroup, identity);
    this.#expire();
    const exitCode = identity.metadata?.exitCode;
    const { runtimes } = identity.origin;
    const runtime = identity.metadata?.runtime ?? runtimes[0] ?? "";
    if (exitCode === undefined && REPORTS_EXIT_CODE.has(runtime)) {
      this.#queue.add(identity, EXIT_RETRIES_MS);
    }
    return exitCode;
  }

  /** Returns `undefined` if unknown, nested or rootless. */
  removedRuntime(cgroup: CgroupName): RuntimeName | undefined {
    const { metadata, origin } = this.#removed.get(cgroup) ?? {};
    const isOfHost = origin?.outer === undefined && origin?.uid === undefined;
    return isOfHost ? metadata?.runtime : undefined;
  }

  /** Repeats all lookups, for example after renames. */
  refresh(): void {
    for (const identity of this.#running.values()) {
      if (identity.metadata !== undefined || identity.origin.isCertain) {
        this.#queue.add(identity, []);
      }
    }
    this.#expire();
  }

  update({ metadata, cgroup, isStarted, isRemoved }: EngineEvent): void {
    const key = cgroup ?? metadata.id;
    const reported = { ...this.#reported.get(key), ...metadata };
    this.#reported.delete(key);
    if (!isRemoved) this.#reported.set(key, reported);
    dropOldest(this.#reported, MAX_REPORTED);
    for (const identity of this.#byId.get(metadata.id) ?? []) {
      const { origin } = identity;
      if (!origin.runtimes.includes(metadata.runtime)) continue;
      if (reportKey(origin, identity.cgroup) !== key) continue;
      identity.lastReported = metadata;
      this.#merge(identity, metadata);
      if (!isStarted || identity.removedMs !== undefined) continue;
      // Belongs to the previous run; `restartCount` records the restart.
      delete identity.metadata?.exitCode;
      this.#queue.add(identity, RETRIES_MS);
    }
  }

  /** Whether the first lookup has not ended. */
  isPending(cgroup: CgroupName): boolean {
    const identity = this.#running.get(cgroup);
    return identity !== undefined && this.#unseen.has(identity);
  }

  metadataOf(cgroup: CgroupName): ContainerMetadata | undefined {
    return this.#running.get(cgroup)?.metadata;
  }

  /** Returns the PID in the host's namespace, if known. */
  initPidOf(cgroup: CgroupName): number | undefined {
    const { metadata, origin } = this.#running.get(cgroup) ?? {};
    // A nested runtime reports PIDs of its own namespace.
    if (metadata === undefined || origin?.outer !== undefined) return undefined;
    // CRI-O's sandbox may have no process.
    return metadata.pid ??
      (metadata.isSandbox
        ? this.#podPids.get(metadata.pod?.uid ?? "")
        : undefined);
  }

  /** Whether network metrics belong to this container; a pod's belong to its sandbox. */
  reportsNetwork(cgroup: CgroupName): boolean {
    const { metadata, origin } = this.#running.get(cgroup) ?? {};
    return origin?.podUid === undefined
      ? metadata?.network?.kind !== "shared"
      : metadata?.isSandbox === true;
  }

  /** Returns `undefined` if no runtime owns the cgroup. */
  referenceOf(cgroup: CgroupName): ContainerReference | undefined {
    const identity = this.#running.get(cgroup);
    if (identity === undefined) return undefined;
    const { origin, metadata } = identity;
    return identity.reference ??= referenceOf(cgroup, origin, metadata);
  }

  /** Kept for five minutes. */
  removedContainer(
    cgroup: CgroupName,
  ): RemovedContainer | undefined {
    const { origin, metadata } = this.#removed.get(cgroup) ?? {};
    if (origin === undefined || metadata === undefined) return undefined;
    const { image, labels } = metadata;
    return defined<RemovedContainer>({
      reference: referenceOf(cgroup, origin, metadata),
      image,
      labels,
    });
  }

  /** Returns `undefined` for a raw cgroup. */
  describe(cgroup: CgroupName): EventContainer | undefined {
    const identity = this.#running.get(cgroup) ?? this.#removed.get(cgroup);
    const origin = identity?.origin ?? parseCgroupOrigin(cgroup);
    const metadata = identity === undefined
      ? this.#reportedMetadata(origin, cgroup)
      : identity.metadata;
    return this.#describe(cgroup, origin, metadata);
  }

  /** Returns an event's container: for an OOM the victim's, or that of the limit. */
  describeEvent({ containerName, data }: NewEvent): EventContainer | undefined {
    if (data?.oom === undefined) return this.describe(containerName);
    const { "victim_cgroup": victim, "limit_cgroup": limit } = data.oom;
    const ofVictim = this.describeEnclosing(victim ?? ROOT);
    return ofVictim ?? this.describeEnclosing(limit ?? ROOT);
  }

  /** Returns the innermost container or unit, possibly the cgroup itself. */
  describeEnclosing(cgroup: CgroupName): EventContainer | undefined {
    let unit: EventContainer | undefined;
    for (let name = cgroup; name !== ROOT; name = parentOf(name)) {
      const container = this.describe(name);
      if (container === undefined) continue;
      // A systemd service in a container belongs to the container.
      if (container.namespace !== "systemd") return container;
      if (!name.endsWith(".slice")) unit ??= container;
    }
    return unit;
  }

  /** Finds a container without a cgroup, such as one killed before the agent started. */
  #reportedMetadata(
    origin: CgroupOrigin | undefined,
    cgroup: CgroupName,
  ): ContainerMetadata | undefined {
    if (origin?.kind !== "container") return undefined;
    const reported = this.#reported.get(reportKey(origin, cgroup));
    return reported !== undefined && origin.runtimes.includes(reported.runtime)
      ? reported
      : undefined;
  }

  #describe(
    cgroup: CgroupName,
    origin: CgroupOrigin | undefined,
    metadata: ContainerMetadata | undefined,
  ): EventContainer | undefined {
    if (origin === undefined) return undefined;
    const parent = origin.outer === undefined
      ? undefined
      : this.describe(origin.outer);
    switch (origin.kind) {
      case "unit":
        return defined<EventContainer>({
          "namespace": "systemd",
          "name": origin.unit,
          "parent": parent,
        });
      case "pod":
        return defined<EventContainer>({
          "pod": { "uid": origin.podUid, ...this.#pods.get(origin.podUid) },
          "parent": parent,
        });
      case "container":
        if (!origin.isCertain && metadata === undefined) return undefined;
        return defined<EventContainer>({
          ...describeContainer(cgroup, origin, metadata),
          "parent": parent,
        });
    }
  }

  async #lookUp(identity: Identity): Promise<boolean> {
    const { origin, cgroup, lastReported } = identity;
    const { outer } = origin;
    const outerPid = outer === undefined
      ? undefined
      : this.#running.get(outer)?.metadata?.pid ??
        this.#options.firstPid(outer);
    try {
      const metadata = await this.#options.lookup.find(origin, {
        cgroup,
        ...(outerPid !== undefined && { outerPid }),
      });
      const known = identity.removedMs === undefined
        ? this.#running
        : this.#removed;
      // The name was reused, or the container expired.
      if (known.get(cgroup) !== identity) return true;
      if (metadata === undefined || identity.lastReported !== lastReported) {
        return false;
      }
      this.#failure = "";
      this.#merge(identity, withStored(metadata, identity.metadata));
      if (identity.removedMs === undefined) {
        const key = reportKey(origin, cgroup);
        const reported = this.#reported.get(key);
        this.#reported.set(key, {
          ...reported,
          ...withStored(metadata, reported),
        });
        dropOldest(this.#reported, MAX_REPORTED);
        // A runtime creates the cgroup before the process.
        return metadata.pid !== undefined;
      }
      return metadata.exitCode !== undefined;
    } catch (error) {
      this.#failure = messageOf(error);
      return false;
    } finally {
      this.#unseen.delete(identity);
      if (this.#unseen.size === 0) {
        for (const resolve of this.#onSeen.splice(0)) resolve();
      }
    }
  }

  #merge(identity: Identity, update: ContainerMetadata): void {
    const { metadata: before, removedMs } = identity;
    const after = { ...before, ...update };
    const changed = changedFields(before, after, identity.origin);
    identity.metadata = after;
    delete identity.reference;
    this.#updatePod(identity.origin, after);
    // The exit code is reported at the cgroup's removal.
    if (removedMs === undefined) changed.delete("exit_code");
    if (changed.size === 0) return;
    const { exitCode, health, restartCount } = after;
    this.#onUpdate({
      cgroup: identity.cgroup,
      data: defined<ContainerUpdateData>({
        "changed": [...changed],
        "exit_code": changed.has("exit_code") ? exitCode : undefined,
        "health": changed.has("health") ? health : undefined,
        "restart_count": changed.has("restart_count")
          ? restartCount
          : undefined,
      }),
    });
  }

  #updatePod(
    { podUid }: ContainerOrigin,
    { pod, pid }: ContainerMetadata,
  ): void {
    const uid = podUid ?? pod?.uid;
    if (uid !== undefined && pid !== undefined) {
      this.#podPids.delete(uid);
      this.#podPids.set(uid, pid);
      dropOldest(this.#podPids, MAX_REMOVED);
    }
    if (uid === undefined || pod?.name === undefined) return;
    const { "container": _, ...names } = pod;
    this.#pods.delete(uid);
    this.#pods.set(uid, names);
    dropOldest(this.#pods, MAX_REMOVED);
  }

  #expire(): void {
    const limitMs = this.#options.clock.monotonic() - RETENTION_MS;
    for (const [cgroup, { removedMs = 0 }] of this.#removed) {
      if (removedMs > limitMs && this.#removed.size <= MAX_REMOVED) break;
      this.#dropRemoved(cgroup);
    }
  }

  #dropRemoved(cgroup: CgroupName): void {
    const identity = this.#removed.get(cgroup);
    if (identity === undefined) return;
    this.#removed.delete(cgroup);
    const same = this.#byId.get(identity.origin.id);
    same?.delete(identity);
    if (same?.size === 0) this.#byId.delete(identity.origin.id);
  }
}

/** Values from the runtime's database take precedence. */
function withStored(
  files: ContainerMetadata,
  known: ContainerMetadata | undefined,
): ContainerMetadata {
  if (known?.isStored !== true) return files;
  const { name, image, labels, pod } = known;
  return { ...files, ...defined({ name, image, labels, pod }) };
}

function referenceOf(
  cgroup: CgroupName,
  origin: ContainerOrigin,
  metadata: ContainerMetadata | undefined,
): ContainerReference {
  const container = describeContainer(cgroup, origin, metadata);
  return defined<ContainerReference>({
    name: cgroup,
    id: container.id,
    aliases: container.aliases,
    namespace: container.namespace,
  });
}

/** Returns a unique key. */
function reportKey(
  { id, isCertain }: ContainerOrigin,
  cgroup: CgroupName,
): string {
  return isCertain ? id : cgroup;
}
