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
import { changedFacts, describeContainer } from "./identity_description.ts";
import { defined } from "./json_fields.ts";
import { LookupQueue } from "./lookup_queue.ts";

/** What {@linkcode Identities} stand on. */
export interface IdentitiesOptions {
  readonly clock: Clock;
  readonly lookup: Pick<ContainerLookup, "find">;
  /** The first process of a cgroup, in the host's pid namespace. */
  readonly firstPid: (cgroup: CgroupName) => number | undefined;
}

/** Something became known of a container. */
export interface IdentityUpdate {
  readonly cgroup: CgroupName;
  readonly data: ContainerUpdateData;
}

/** A container that is gone. */
export interface EndedContainer {
  readonly reference: ContainerReference;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A container, living or just gone, and what is known of it. */
interface Identity {
  readonly cgroup: CgroupName;
  readonly origin: ContainerOrigin;
  facts?: Omit<ContainerMetadata, "exitCode"> & { exitCode?: number };
  endedMs?: number;
  /** Made of `facts`, for those who ask again and again. */
  reference?: ContainerReference;
  /** What the engine told of it last: a look-up that began before may know less. */
  lastTold?: ContainerMetadata;
}

/** As long as the kernel's last lines may be on their way. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/** Containers that a runtime told of, whether they have a cgroup now or not. */
const MAX_TOLD = 20_000;

/** A runtime may write its files after it made the cgroup. */
const RETRIES_MS: readonly number[] = [50, 100, 300, 1_000, 5_000, 30_000];
/** What need not be a container is soon given up. */
const UNCERTAIN_RETRIES_MS: readonly number[] = [200, 1_000];
/** The exit code is written after the cgroup has gone. */
const EXIT_RETRIES_MS: readonly number[] = [30, 100, 300, 1_000, 3_000];

/** Who says how a container ended, where it is asked. */
const TELLS_EXIT: ReadonlySet<string> = new Set(["docker", "podman"]);

/**
 * Knows who the containers are. It asks the runtimes on its own, some at a
 * time; nobody waits for it: whoever asks gets what is known now, and an
 * update tells what became known later.
 *
 * Over 300 lines, for it is one table with many ways in and out of it.
 */
export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #queue: LookupQueue<Identity>;
  readonly #living = new Map<CgroupName, Identity>();
  /** In the order in which they went. */
  readonly #ended = new Map<CgroupName, Identity>();
  readonly #byId = new Map<string, Set<Identity>>();
  /** By id, or cgroup where the id is not certain; the one told of last at the end. */
  readonly #told = new Map<string, ContainerMetadata>();
  /** Names of pods by uid, the one learned last at the end. */
  readonly #pods = new Map<string, EventPod>();
  /** A process of each pod, likewise. */
  readonly #podPids = new Map<string, number>();
  #onUpdate: (update: IdentityUpdate) => void = () => {};
  /** Containers that certainly belong to a runtime, before the end of their first lookup. */
  readonly #unseen = new Set<Identity>();
  readonly #onSeen: (() => void)[] = [];
  #failure = "";

  constructor(options: IdentitiesOptions) {
    this.#options = options;
    this.#queue = new LookupQueue(
      options.clock,
      (identity) => this.#look(identity),
    );
  }

  /** Tells of what becomes known from now on. */
  start(onUpdate: (update: IdentityUpdate) => void): void {
    this.#onUpdate = onUpdate;
  }

  /** Resolves once every container that a runtime created so far has been looked up, found or not. */
  async lookedUp(): Promise<void> {
    if (this.#unseen.size === 0) return;
    await new Promise<void>((resolve) => this.#onSeen.push(resolve));
  }

  /** Asks no more; resolves when what was asked is answered. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /** How the runtimes' files and answers fare. */
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

  /** A container came. */
  open(cgroup: CgroupName): void {
    const origin = parseCgroupOrigin(cgroup);
    if (origin?.kind !== "container") return;
    this.#forgetEnded(cgroup);
    const told = this.#toldOf(origin, cgroup);
    const identity: Identity = { cgroup, origin };
    // How it ran and ended before says nothing of this time.
    const { exitCode: _, pid: __, health: ___, ...facts } = told ??
      {} as Partial<ContainerMetadata>;
    if (told !== undefined) {
      identity.facts = facts as ContainerMetadata;
      this.#told.set(toldKey(origin, cgroup), identity.facts);
    }
    this.#living.set(cgroup, identity);
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

  /** It went; the runtime's word for how it ended, where that is known now. */
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

  /** Whose a container was that went; undefined where that is not known, or where it was not of the host's own engine. */
  endedRuntime(cgroup: CgroupName): RuntimeName | undefined {
    const { facts, origin } = this.#ended.get(cgroup) ?? {};
    const isOfHost = origin?.outer === undefined && origin?.uid === undefined;
    return isOfHost ? facts?.runtime : undefined;
  }

  /** Asks again for all that live: what was renamed meanwhile gets its new name. */
  refresh(): void {
    for (const identity of this.#living.values()) {
      if (identity.facts !== undefined || identity.origin.isCertain) {
        this.#queue.add(identity, []);
      }
    }
    this.#expire();
  }

  /** An engine told of one of its containers by itself. */
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
      // What it ended with was of the time before; that it was started anew is counted.
      delete identity.facts?.exitCode;
      this.#queue.add(identity, RETRIES_MS);
    }
  }

  /** What is known of the container that a cgroup is. */
  factsOf(cgroup: CgroupName): ContainerMetadata | undefined {
    return this.#living.get(cgroup)?.facts;
  }

  /** Its first process in the host's pid namespace, where its runtime tells. */
  initPidOf(cgroup: CgroupName): number | undefined {
    const { facts, origin } = this.#living.get(cgroup) ?? {};
    // A nested runtime tells the pid that it sees.
    if (facts === undefined || origin?.outer !== undefined) return undefined;
    // CRI-O's sandbox may have no process of its own.
    return facts.pid ??
      (facts.isSandbox ? this.#podPids.get(facts.pod?.uid ?? "") : undefined);
  }

  /** Whether its network is its own to tell; of a pod's it is the sandbox that tells. */
  tellsNetwork(cgroup: CgroupName): boolean {
    const { facts, origin } = this.#living.get(cgroup) ?? {};
    return origin?.podUid === undefined
      ? facts?.network?.kind !== "shared"
      : facts?.isSandbox === true;
  }

  /** What the API calls it; undefined of what is no runtime's. */
  referenceOf(cgroup: CgroupName): ContainerReference | undefined {
    const identity = this.#living.get(cgroup);
    if (identity === undefined) return undefined;
    const { origin, facts } = identity;
    return identity.reference ??= referenceOf(cgroup, origin, facts);
  }

  /** What was known of a container that is gone, for five minutes; undefined where that is nothing. */
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

  /** Who a cgroup is in an event; undefined where it is a plain one. */
  describe(cgroup: CgroupName): EventContainer | undefined {
    const identity = this.#living.get(cgroup) ?? this.#ended.get(cgroup);
    const origin = identity?.origin ?? parseCgroupOrigin(cgroup);
    const facts = identity === undefined
      ? this.#toldOf(origin, cgroup)
      : identity.facts;
    return this.#describe(cgroup, origin, facts);
  }

  /** Who an event is of: of a kill the victim's container, else the one whose limit was met. */
  describeEvent({ containerName, data }: NewEvent): EventContainer | undefined {
    if (data?.oom === undefined) return this.describe(containerName);
    const { "victim_cgroup": victim, "limit_cgroup": limit } = data.oom;
    const ofVictim = this.describeAround(victim ?? ROOT);
    return ofVictim ?? this.describeAround(limit ?? ROOT);
  }

  /** Who the innermost container or unit is that a cgroup is in, or itself is. */
  describeAround(cgroup: CgroupName): EventContainer | undefined {
    let unit: EventContainer | undefined;
    for (let name = cgroup; name !== ROOT; name = parentOf(name)) {
      const container = this.describe(name);
      if (container === undefined) continue;
      // A service of a container's own is of that container.
      if (container.namespace !== "systemd") return container;
      if (!name.endsWith(".slice")) unit ??= container;
    }
    return unit;
  }

  /** What was told of a container that has no cgroup, such as one that was killed before the start. */
  #toldOf(
    origin: CgroupOrigin | undefined,
    cgroup: CgroupName,
  ): ContainerMetadata | undefined {
    if (origin?.kind !== "container") return undefined;
    const told = this.#told.get(toldKey(origin, cgroup));
    return told !== undefined && origin.runtimes.includes(told.runtime)
      ? told
      : undefined;
  }

  #describe(
    cgroup: CgroupName,
    origin: CgroupOrigin | undefined,
    facts: ContainerMetadata | undefined,
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
      // Another has its cgroup's name by now, or it went too long ago.
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
    } finally {
      this.#unseen.delete(identity);
      if (this.#unseen.size === 0) {
        for (const resolve of this.#onSeen.splice(0)) resolve();
      }
    }
  }

  #merge(identity: Identity, news: ContainerMetadata): void {
    const { facts: before, endedMs } = identity;
    const after = { ...before, ...news };
    const changed = changedFacts(before, after, identity.origin);
    identity.facts = after;
    delete identity.reference;
    this.#learnPod(identity.origin, after);
    // What a living container ended with is told when its cgroup goes.
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
    { pod, pid }: ContainerMetadata,
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

/** What files say, but for what the runtime's data base said. */
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
  facts: ContainerMetadata | undefined,
): ContainerReference {
  const container = describeContainer(cgroup, origin, facts);
  return defined<ContainerReference>({
    name: cgroup,
    id: container.id,
    aliases: container.aliases,
    namespace: container.namespace,
  });
}

/** What is told of a container is kept by what no other has. */
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
