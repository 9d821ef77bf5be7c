import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";
import {
  countedOf,
  newAccount,
  type OomAccount,
  readCount,
  readSubtree,
  settle,
  untoldOf,
} from "./account.ts";
import { OomSubtrees, SUBTREE_SOURCE } from "./subtrees.ts";

/** Kills that the kernel counted and no record told of. */
export interface UntoldKills {
  /** The cgroup they were in; absent where nothing tells. */
  readonly victimCgroup?: CgroupName;
  /** Where it is not known: the nearest container that it was below. */
  readonly below?: CgroupName;
  readonly count: number;
  /** The kernel file that counted them. */
  readonly source: string;
}

/** What an {@linkcode OomLedger} stands on. */
export interface OomLedgerOptions {
  readonly clock: Clock;
  /** Kills on this node since boot (`/proc/vmstat`, `oom_kill`, since Linux 4.13); undefined where it is not counted. */
  readonly readNodeKills: () => number | undefined;
  /** Whether the kernel log can be relied on to tell of a kill soon. */
  readonly isTold: () => boolean;
  /** Kills since boot that an earlier run accounted for. @default all that are counted at the start */
  readonly toldKills?: number;
}

/** A record of a kill comes within so long of the count. */
const GRACE_MS = 1_500;

/** A container that is new comes to be known within so long of its first kill. */
const UNKNOWN_MS = 500;

/** The node's count is read this often where records told of all: to wake up takes 0.3 ms … */
const QUIET_INTERVAL_MS = 1_000;
/** … this often where a record is awaited … */
const INTERVAL_MS = 250;
/** … and this often where none can come: the container may be gone soon. */
const ALONE_INTERVAL_MS = 50;

/** The account of a container that is gone is kept for so long. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/** The counts of a thousand containers take 3 ms to read: not for every kill of a storm. */
const COUNT_MS = 5;

/**
 * Keeps the kernel's counts of OOM kills against what events told: a kill is
 * told once, whether a record, a counter or both know of it.
 *
 * The node's count moves with every kill. As long as records explain it,
 * nothing else is read. What they do not explain within a moment is looked
 * for in the containers' own counts, and what those do not explain either was
 * in a container that is gone.
 *
 * Over 300 lines, for it is one balance with many ways into and out of it.
 */
export class OomLedger {
  /**
   * When the counting began, milliseconds since the epoch. A record that is
   * older tells of a kill that no count moved for.
   */
  readonly startMs: number;
  readonly #options: OomLedgerOptions;
  readonly #living = new Map<CgroupName, OomAccount>();
  /** In the order in which they went. */
  readonly #ended = new Map<CgroupName, OomAccount>();
  readonly #subtrees = new OomSubtrees(this.#living, this.#ended);
  /** What those counted whose accounts are kept no more. */
  #forgotten = 0;
  #countedMs = -Infinity;
  /** What of the node's count is not to be told: it is from before the start. */
  #base: number | undefined;
  #missed = 0;
  /** Kills since then that events tell of, as the kernel counts them. */
  #explained = 0;
  /** Of those, the ones that no record told of yet. */
  #inferred = 0;
  /** When a record came last, or could have; at the start the log is yet to be opened. */
  #toldMs: number;
  #unexplainedSinceMs = Infinity;
  /** The fewest that were unexplained at a time since then: in a storm the records of some are always on their way. */
  #unexplainedLeast = Infinity;
  #kills = 0;
  /** Kills that were told without their cgroup, whose counts may be yet to come. */
  #unnamed = 0;
  /** Kills that were counted twice, likewise. */
  #repeats = 0;

  constructor(options: OomLedgerOptions) {
    this.#options = options;
    // Before the count is read: a kill between the two is in the count, and
    // tell() finds that out of its record. The other way round it would be
    // told as of the past by its record, and once more for its count.
    this.startMs = options.clock.now();
    this.#toldMs = options.clock.monotonic();
    this.#base = options.readNodeKills();
    if (this.#base !== undefined) {
      this.#missed = Math.max(
        0,
        this.#base - (options.toldKills ?? this.#base),
      );
    }
  }

  /** How long to wait until the next {@linkcode check}, milliseconds. */
  get intervalMs(): number {
    if (!this.#options.isTold()) return ALONE_INTERVAL_MS;
    return this.#unexplainedSinceMs === Infinity
      ? QUIET_INTERVAL_MS
      : INTERVAL_MS;
  }

  /** Kills on this node that events told of in this run. */
  get kills(): number {
    return this.#kills;
  }

  /** Kills between the earlier run and this one that no event tells of yet. */
  get missed(): number {
    return this.#missed;
  }

  /** Whether an earlier run's count is known, and each kill between it and this run was told. */
  get isPastTold(): boolean {
    return this.#options.toldKills !== undefined && this.#missed === 0;
  }

  /** Kills on this node since boot that are accounted for; undefined where they are not counted. */
  get nodeKills(): number | undefined {
    if (this.#base === undefined) return undefined;
    return this.#base - this.#missed + this.#explained;
  }

  /** Kills by container that events told of in this run; of one that is gone for five minutes. */
  *killsByContainer(): Generator<readonly [CgroupName, number]> {
    for (const [name, { kills }] of this.#accounts()) {
      if (kills > 0) yield [name, kills];
    }
  }

  /** A container came; `isNew` where it was not there when the agent started. */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    const account = newAccount(handler, this.#options.clock.monotonic());
    this.#living.set(name, account);
    readCount(account);
    if (!isNew) {
      account.baseline = account.counted;
      if (readSubtree(account)) account.subtreeBaseline = account.subtree;
      account.subtree = 0;
    }
    const before = this.#ended.get(name);
    if (before === undefined) return;
    this.#ended.delete(name);
    this.#forgotten += before.told + before.below;
    account.kills = before.kills;
    account.inferred = before.inferred;
    account.source ||= before.source;
    // What is yet to be told of one of the same name that is gone; and what a
    // record told of this one before it was known.
    account.baseline -= untoldOf(before);
    settle(account);
  }

  /** A container went. */
  close(name: CgroupName): void {
    const account = this.#living.get(name);
    if (account === undefined) return;
    this.#living.delete(name);
    this.#subtrees.close(name, account);
    const { kills, inferred, below, toldBelow } = account;
    if (
      kills > 0 || inferred > 0 || untoldOf(account) > 0 || below > toldBelow
    ) {
      this.#end(name, account);
    } else this.#forgotten += countedOf(account);
  }

  /** The kernel has written to a file that counts a container's kills. */
  look(name: CgroupName): void {
    const account = this.#living.get(name);
    if (account !== undefined) readCount(account);
    this.#subtrees.settleOne(name);
  }

  /**
   * Whether a count says that a kill, of which a record comes now, is of this
   * run; true where nothing is counted.
   */
  get isCounted(): boolean {
    return this.#base === undefined || this.#inferred > 0 ||
      this.#unexplained() > 0;
  }

  /**
   * Whether a kill, of which a record comes now, was inferred before: then no
   * count says that there is one more.
   */
  wasInferred(named: CgroupName | undefined): boolean {
    if (this.#inferred === 0) return false;
    if (this.#unexplained() <= 0) return true;
    const account = named === undefined ? undefined : this.#living.get(named);
    return account !== undefined && account.inferred > 0 &&
      readCount(account) && untoldOf(account) <= 0;
  }

  /**
   * A record tells of a kill, maybe without its cgroup: the kernel prints at
   * most ten of those in five seconds. The counts could say which cgroup moved,
   * but not whether it was this kill that moved it: nothing is guessed. Returns
   * what knows of it; undefined where an event told of it before the record came.
   */
  tell(victimCgroup: CgroupName | undefined): readonly string[] | undefined {
    if (this.wasInferred(victimCgroup)) {
      this.#inferred--;
      const account = victimCgroup === undefined
        ? undefined
        : this.#find(victimCgroup);
      if (account !== undefined && account.inferred > 0) account.inferred--;
      return undefined;
    }
    // Now, since a container may be gone at the next kill.
    const nowMs = this.#options.clock.monotonic();
    if (nowMs >= this.#countedMs + COUNT_MS) this.#count();
    this.#toldMs = nowMs;
    this.#explained++;
    this.#kills++;
    this.#compare();
    if (victimCgroup === undefined) {
      this.#unnamed++;
      return ["kmsg"];
    }
    const account = this.#find(victimCgroup) ?? this.#end(victimCgroup);
    const isRead = readCount(account);
    const isCounted = untoldOf(account) > 0;
    account.told++;
    account.kills++;
    if (isRead) settle(account);
    return isCounted ? ["kmsg", account.source] : ["kmsg"];
  }

  /** An event tells of kills between the earlier run and this one. */
  tellMissed(count: number): void {
    this.#missed = Math.max(0, this.#missed - count);
  }

  /** The kernel told, and counted, so many kills once more. */
  repeat(count: number): void {
    this.#explained += count;
    this.#repeats += count;
  }

  /** Looks for kills that no record told of; to be called every now and then. */
  check(): UntoldKills[] {
    this.#forget();
    const now = this.#compare();
    if (now <= 0) {
      this.#nameOthers();
      return [];
    }
    // Also when it is too early to tell: a container may be gone by then.
    this.#count();
    const nowMs = this.#options.clock.monotonic();
    if (this.#options.isTold()) this.#toldMs = nowMs;
    const isTold = nowMs < this.#toldMs + GRACE_MS;
    const waitedMs = nowMs - this.#unexplainedSinceMs;
    if (isTold && waitedMs < GRACE_MS) return [];
    const count = isTold ? this.#unexplainedLeast : now;
    const untold = this.#inContainers(count);
    const rest = untold.reduce((left, { count }) => left - count, count);
    if (rest > 0) {
      if (waitedMs < UNKNOWN_MS) return untold;
      untold.push(this.#infer(rest, "vmstat"));
    }
    this.#unexplainedSinceMs = Infinity;
    this.#unexplainedLeast = Infinity;
    return untold;
  }

  /** Kills that the node counted, or the containers where it does not, and no event tells of. */
  #unexplained(): number {
    let counted = this.#forgotten;
    for (const [, account] of this.#accounts()) counted += countedOf(account);
    const total = this.#options.readNodeKills();
    if (total === undefined || this.#base === undefined) {
      return counted - this.#explained;
    }
    // The kernel counts a kill before it prints it: what is told beyond the
    // count is from before the start, though its time seemed later.
    // It is one of those missed, of which a record tells now.
    const beyond = Math.max(0, this.#base + this.#explained - total);
    this.#base -= beyond;
    this.#missed = Math.max(0, this.#missed - beyond);
    return Math.max(total - this.#base, counted) - this.#explained;
  }

  /** Notes how many kills are unexplained, and since when. */
  #compare(): number {
    const count = this.#unexplained();
    if (count <= 0) {
      this.#unexplainedSinceMs = Infinity;
      this.#unexplainedLeast = Infinity;
    } else {
      const nowMs = this.#options.clock.monotonic();
      this.#unexplainedSinceMs = Math.min(this.#unexplainedSinceMs, nowMs);
      this.#unexplainedLeast = Math.min(this.#unexplainedLeast, count);
    }
    return count;
  }

  /**
   * Finds kills in the containers' counts; no more than `limit`, since the
   * records of others may be on their way.
   */
  #inContainers(limit: number): UntoldKills[] {
    const untold: UntoldKills[] = [];
    let left = limit;
    for (const [victimCgroup, account] of this.#accounts()) {
      const count = Math.min(untoldOf(account), left);
      if (count <= 0) continue;
      left -= count;
      account.told += count;
      account.inferred += count;
      account.kills += count;
      untold.push({ victimCgroup, ...this.#infer(count, account.source) });
    }
    if (left > 0) this.#subtrees.settle();
    for (const [below, account] of this.#accounts()) {
      const count = Math.min(account.below - account.toldBelow, left);
      if (count <= 0) continue;
      left -= count;
      account.toldBelow += count;
      untold.push({ below, ...this.#infer(count, SUBTREE_SOURCE) });
    }
    return untold;
  }

  /** Reads the counts of all containers. */
  #count(): void {
    for (const account of this.#living.values()) readCount(account);
    this.#countedMs = this.#options.clock.monotonic();
  }

  /**
   * When every kill is explained, what is untold of a container is what was
   * told without its name.
   */
  #nameOthers(): void {
    if (this.#unnamed === 0 && this.#repeats === 0) return;
    this.#count();
    if (this.#unexplained() > 0) return;
    for (const [, account] of this.#accounts()) {
      const untold = Math.max(0, untoldOf(account));
      account.told += untold;
      // Which of both is not known, but the kernel repeats the fewest.
      const kills = Math.min(untold, this.#unnamed);
      account.kills += kills;
      this.#unnamed -= kills;
    }
    this.#unnamed = 0;
    this.#repeats = 0;
  }

  /** Those that are gone first. */
  *#accounts(): Generator<[CgroupName, OomAccount]> {
    yield* this.#ended;
    yield* this.#living;
  }

  #infer(count: number, source: string): UntoldKills {
    this.#explained += count;
    this.#inferred += count;
    this.#kills += count;
    return { count, source };
  }

  #find(name: CgroupName): OomAccount | undefined {
    return this.#living.get(name) ?? this.#ended.get(name);
  }

  #end(name: CgroupName, account: OomAccount = newAccount()): OomAccount {
    account.handler = undefined;
    account.endedMs = this.#options.clock.monotonic();
    this.#ended.set(name, account);
    return account;
  }

  #forget(): void {
    const limitMs = this.#options.clock.monotonic() - ENDED_MS;
    for (const [name, account] of this.#ended) {
      if (account.endedMs > limitMs && this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(name);
      this.#forgotten += countedOf(account);
    }
  }
}
