import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerReference } from "../model/container.ts";
import type { ContainerFacts, RuntimeName } from "../model/container_facts.ts";
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
import { changedFacts, describeContainer } from "./identity_description.ts";
import { defined } from "./json_fields.ts";
import { LookupQueue } from "./lookup_queue.ts";

/** Dependencies of {@linkcode Identities}. */
export interface IdentitiesOptions {
  readonly clock: Clock;
  readonly lookup: Pick<ContainerLookup, "find">;
  /** Returns the first process of a cgroup, in the host's PID namespace. */
  readonly firstPid: (cgroup: CgroupName) => number | undefined;
}

/** New metadata of a container. */
export interface IdentityUpdate {
  readonly cgroup: CgroupName;
  readonly data: ContainerUpdateData;
}

/** A removed container. */
export interface EndedContainer {
  readonly reference: ContainerReference;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A running or recently removed container and its metadata. */
interface Identity {
  readonly cgroup: CgroupName;
  readonly origin: ContainerOrigin;
  facts?: Omit<ContainerFacts, "exitCode"> & { exitCode?: number };
  endedMs?: number;
  /** Cached; built from `facts`. */
  reference?: ContainerReference;
  /** Last metadata from an engine event; a lookup that started earlier may be older. */
  lastTold?: ContainerFacts;
}

/** Time for which removed containers are kept: late kernel log lines may refer to them. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/** Maximum number of containers kept from engine events, with or without a cgroup. */
const MAX_TOLD = 20_000;

/** A runtime may write its files after it creates the cgroup. */
const RETRIES_MS: readonly number[] = [50, 100, 300, 1_000, 5_000, 30_000];
/** Fewer retries for cgroups that may not be containers. */
const UNCERTAIN_RETRIES_MS: readonly number[] = [200, 1_000];
/** The exit code is written after the cgroup is removed. */
const EXIT_RETRIES_MS: readonly number[] = [30, 100, 300, 1_000, 3_000];

/** Runtimes that return exit codes to lookups. */
const TELLS_EXIT: ReadonlySet<string> = new Set(["docker", "podman"]);

/**
 * Stores the identity of each container. It queries the runtimes in the
 * background, a few at a time. Readers never wait: they get the current
 * metadata, and an update follows when it changes.
 *
 * Exceeds 300 lines: one table with many readers and writers.
 */
export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #queue: LookupQueue<Identity>;
  readonly #living = new Map<CgroupName, Identity>();
  /** Ordered by time of removal. */
  readonly #ended = new Map<CgroupName, Identity>();
  readonly #byId = new Map<string, Set<Identity>>();
  /** Keyed by ID, or by cgroup if the ID is not certain; the latest entry is last. */
  readonly #told = new Map<string, ContainerFacts>();
  /** Pod names keyed by UID; the latest entry is last. */
  readonly #pods = new Map<string, EventPod>();
  /** A process of each pod, keyed by UID; the latest entry is last. */
  readonly #podPids = new Map<string, number>();
  #onUpdate: (update: IdentityUpdate) => void = () => {};
  #failure = "";

  constructor(options: IdentitiesOptions) {
    this.#options = options;
    this.#queue = new LookupQueue(
      options.clock,
      (identity) => this.#look(identity),
    );
  }

  /** Reports changes from now on. */
  start(onUpdate: (update: IdentityUpdate) => void): void {
    this.#onUpdate = onUpdate;
  }

  /**
   * Resolves once the runtimes have been queried for all known containers,
   * whether they responded or not.
   */
  asked(): Promise<void> {
    return this.#queue.idle();
  }

  /** Stops queries; resolves when the pending ones end. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /** State of the lookups; `degraded` if a container has no name or a lookup hangs. */
  get state(): SourceState {
    let unnamed = 0;
    for (const { facts, origin } of this.#living.values()) {
      if (origin.isCertain && facts === undefined) unnamed++;
    }
    const { hung } = this.#queue;
    const name = "names";
    if (hung > 0) {
      return {
        name,
        state: "degraded",
        detail: `${hung} look-ups do not end; ${unnamed} containers unnamed`,
      };
    }
    if (unnamed === 0) return { name, state: "ok", detail: "" };
    return {
      name,
      state: this.#queue.size === 0 || this.#failure ? "degraded" : "ok",
      detail: `${unnamed} containers unnamed${
        this.#failure && `: ${this.#failure}`
      }`,
    };
  }

  /** Adds a container that was created. */
  open(cgroup: CgroupName): void {
    const origin = parseCgroupOrigin(cgroup);
    if (origin?.kind !== "container") return;
    this.#forgetEnded(cgroup);
    const told = this.#toldOf(origin, cgroup);
    const identity: Identity = { cgroup, origin };
    // Exit code, PID and health belong to the previous run.
    const { exitCode: _, pid: __, health: ___, ...facts } = told ??
      {} as Partial<ContainerFacts>;
    if (told !== undefined) {
      identity.facts = facts as ContainerFacts;
      this.#told.set(toldKey(origin, cgroup), identity.facts);
    }
    this.#living.set(cgroup, identity);
    const same = this.#byId.get(origin.id);
    if (same === undefined) this.#byId.set(origin.id, new Set([identity]));
    else same.add(identity);
    if (origin.runtimes[0] === "rkt") return;
    this.#queue.add(
      identity,
      origin.isCertain ? RETRIES_MS : UNCERTAIN_RETRIES_MS,
    );
  }

  /** Marks a container as removed; returns its exit code if the runtime already reported it. */
  end(cgroup: CgroupName): number | undefined {
    const identity = this.#living.get(cgroup);
    if (identity === undefined) return undefined;
    this.#living.delete(cgroup);
    identity.endedMs = this.#options.clock.monotonic();
    this.#ended.set(cgroup, identity);
    this.#expire();
    const exitCode = identity.facts?.exitCode;
    const { runtimes } = identity.origin;
    const runtime = identity.facts?.runtime ?? runtimes[0] ?? "";
    if (exitCode === undefined && TELLS_EXIT.has(runtime)) {
      this.#queue.add(identity, EXIT_RETRIES_MS);
    }
    return exitCode;
  }

  /**
   * Returns the runtime of a removed container; `undefined` if it is unknown,
   * nested or rootless.
   */
  endedRuntime(cgroup: CgroupName): RuntimeName | undefined {
    const { facts, origin } = this.#ended.get(cgroup) ?? {};
    const isOfHost = origin?.outer === undefined && origin?.uid === undefined;
    return isOfHost ? facts?.runtime : undefined;
  }

  /** Queries all running containers again, for example after renames. */
  refresh(): void {
    for (const identity of this.#living.values()) {
      if (identity.facts !== undefined || identity.origin.isCertain) {
        this.#queue.add(identity, []);
      }
    }
    this.#expire();
  }

  /** Applies an event of an engine. */
  learn({ facts, cgroup, isStarted, isRemoved }: EngineEvent): void {
    const key = cgroup ?? facts.id;
    const told = { ...this.#told.get(key), ...facts };
    this.#told.delete(key);
    if (!isRemoved) this.#told.set(key, told);
    dropOldest(this.#told, MAX_TOLD);
    for (const identity of this.#byId.get(facts.id) ?? []) {
      const { origin } = identity;
      if (!origin.runtimes.includes(facts.runtime)) continue;
      if (toldKey(origin, identity.cgroup) !== key) continue;
      identity.lastTold = facts;
      this.#merge(identity, facts);
      if (!isStarted || identity.endedMs !== undefined) continue;
      // The exit code belongs to the previous run; `restartCount` records the restart.
      delete identity.facts?.exitCode;
      this.#queue.add(identity, RETRIES_MS);
    }
  }

  /** Returns the metadata of a running container. */
  factsOf(cgroup: CgroupName): ContainerFacts | undefined {
    return this.#living.get(cgroup)?.facts;
  }

  /**
   * Returns the container's first process in the host's PID namespace, if its
   * runtime reports it.
   */
  initPidOf(cgroup: CgroupName): number | undefined {
    const { facts, origin } = this.#living.get(cgroup) ?? {};
    // A nested runtime reports PIDs of its own namespace.
    if (facts === undefined || origin?.outer !== undefined) return undefined;
    // CRI-O's sandbox may have no process.
    return facts.pid ??
      (facts.isSandbox ? this.#podPids.get(facts.pod?.uid ?? "") : undefined);
  }

  /** Returns whether network metrics belong to this container; a pod's belong to its sandbox. */
  tellsNetwork(cgroup: CgroupName): boolean {
    const { facts, origin } = this.#living.get(cgroup) ?? {};
    return origin?.podUid === undefined
      ? facts?.network?.kind !== "shared"
      : facts?.isSandbox === true;
  }

  /** Returns the reference used by the API; `undefined` if no runtime owns the cgroup. */
  referenceOf(cgroup: CgroupName): ContainerReference | undefined {
    const identity = this.#living.get(cgroup);
    if (identity === undefined) return undefined;
    const { origin, facts } = identity;
    return identity.reference ??= referenceOf(cgroup, origin, facts);
  }

  /** Returns a removed container's metadata for five minutes; `undefined` if there is none. */
  endedContainer(
    cgroup: CgroupName,
  ): EndedContainer | undefined {
    const { origin, facts } = this.#ended.get(cgroup) ?? {};
    if (origin === undefined || facts === undefined) return undefined;
    const { image, labels } = facts;
    return defined<EndedContainer>({
      reference: referenceOf(cgroup, origin, facts),
      image,
      labels,
    });
  }

  /** Returns the `container` field of an event; `undefined` for a raw cgroup. */
  describe(cgroup: CgroupName): EventContainer | undefined {
    const identity = this.#living.get(cgroup) ?? this.#ended.get(cgroup);
    const origin = identity?.origin ?? parseCgroupOrigin(cgroup);
    const facts = identity === undefined
      ? this.#toldOf(origin, cgroup)
      : identity.facts;
    return this.#describe(cgroup, origin, facts);
  }

  /**
   * Returns the `container` field of a new event. For an OOM event it is the
   * victim's container, or the container whose limit was reached.
   */
  describeEvent({ containerName, data }: NewEvent): EventContainer | undefined {
    if (data?.oom === undefined) return this.describe(containerName);
    const { "victim_cgroup": victim, "limit_cgroup": limit } = data.oom;
    const ofVictim = this.describeAround(victim ?? ROOT);
    return ofVictim ?? this.describeAround(limit ?? ROOT);
  }

  /** Returns the innermost container or unit that contains the cgroup or is the cgroup. */
  describeAround(cgroup: CgroupName): EventContainer | undefined {
    let unit: EventContainer | undefined;
    for (let name = cgroup; name !== ROOT; name = parentOf(name)) {
      const container = this.describe(name);
      if (container === undefined) continue;
      // A systemd service inside a container belongs to that container.
      if (container.namespace !== "systemd") return container;
      if (!name.endsWith(".slice")) unit ??= container;
    }
    return unit;
  }

  /**
   * Returns metadata from engine events of a container without a cgroup, for
   * example one that was killed before the agent started.
   */
  #toldOf(
    origin: CgroupOrigin | undefined,
    cgroup: CgroupName,
  ): ContainerFacts | undefined {
    if (origin?.kind !== "container") return undefined;
    const told = this.#told.get(toldKey(origin, cgroup));
    return told !== undefined && origin.runtimes.includes(told.runtime)
      ? told
      : undefined;
  }

  #describe(
    cgroup: CgroupName,
    origin: CgroupOrigin | undefined,
    facts: ContainerFacts | undefined,
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
        if (!origin.isCertain && facts === undefined) return undefined;
        return defined<EventContainer>({
          ...describeContainer(cgroup, origin, facts),
          "parent": parent,
        });
    }
  }

  async #look(identity: Identity): Promise<boolean> {
    const { origin, cgroup, lastTold } = identity;
    const { outer } = origin;
    const outerPid = outer === undefined
      ? undefined
      : this.#living.get(outer)?.facts?.pid ?? this.#options.firstPid(outer);
    try {
      const facts = await this.#options.lookup.find(origin, {
        cgroup,
        ...(outerPid !== undefined && { outerPid }),
      });
      const known = identity.endedMs === undefined ? this.#living : this.#ended;
      // The cgroup name was reused, or the removed container has expired.
      if (known.get(cgroup) !== identity) return true;
      if (facts === undefined || identity.lastTold !== lastTold) return false;
      this.#failure = "";
      this.#merge(identity, withStored(facts, identity.facts));
      if (identity.endedMs === undefined) {
        const key = toldKey(origin, cgroup);
        const told = this.#told.get(key);
        this.#told.set(key, { ...told, ...withStored(facts, told) });
        dropOldest(this.#told, MAX_TOLD);
        return true;
      }
      return facts.exitCode !== undefined;
    } catch (error) {
      this.#failure = messageOf(error);
      return false;
    }
  }

  #merge(identity: Identity, news: ContainerFacts): void {
    const { facts: before, endedMs } = identity;
    const after = { ...before, ...news };
    const changed = changedFacts(before, after, identity.origin);
    identity.facts = after;
    delete identity.reference;
    this.#learnPod(identity.origin, after);
    // The exit code of a running container is reported when its cgroup is removed.
    if (endedMs === undefined) changed.delete("exit_code");
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

  #learnPod(
    { podUid }: ContainerOrigin,
    { pod, pid }: ContainerFacts,
  ): void {
    const uid = podUid ?? pod?.uid;
    if (uid !== undefined && pid !== undefined) {
      this.#podPids.delete(uid);
      this.#podPids.set(uid, pid);
      dropOldest(this.#podPids, MAX_ENDED);
    }
    if (uid === undefined || pod?.name === undefined) return;
    const { "container": _, ...names } = pod;
    this.#pods.delete(uid);
    this.#pods.set(uid, names);
    dropOldest(this.#pods, MAX_ENDED);
  }

  #expire(): void {
    const limitMs = this.#options.clock.monotonic() - ENDED_MS;
    for (const [cgroup, { endedMs = 0 }] of this.#ended) {
      if (endedMs > limitMs && this.#ended.size <= MAX_ENDED) break;
      this.#forgetEnded(cgroup);
    }
  }

  #forgetEnded(cgroup: CgroupName): void {
    const identity = this.#ended.get(cgroup);
    if (identity === undefined) return;
    this.#ended.delete(cgroup);
    const same = this.#byId.get(identity.origin.id);
    same?.delete(identity);
    if (same?.size === 0) this.#byId.delete(identity.origin.id);
  }
}

/** Merges metadata from files; values from the runtime's database take precedence. */
function withStored(
  files: ContainerFacts,
  known: ContainerFacts | undefined,
): ContainerFacts {
  if (known?.isStored !== true) return files;
  const { name, image, labels, pod } = known;
  return { ...files, ...defined({ name, image, labels, pod }) };
}

function referenceOf(
  cgroup: CgroupName,
  origin: ContainerOrigin,
  facts: ContainerFacts | undefined,
): ContainerReference {
  const container = describeContainer(cgroup, origin, facts);
  return defined<ContainerReference>({
    name: cgroup,
    id: container.id,
    aliases: container.aliases,
    namespace: container.namespace,
  });
}

/** Returns the key of a container's metadata: an ID or cgroup that no other container has. */
function toldKey(
  { id, isCertain }: ContainerOrigin,
  cgroup: CgroupName,
): string {
  return isCertain ? id : cgroup;
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) break;
    map.delete(key);
  }
}
