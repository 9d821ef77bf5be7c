import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";

/** Kills that no record names, and what the containers' counts prove of them. */
export interface CountedKills {
  readonly count: number;
  /** The kernel file that counted them. */
  readonly source: string;
  /** The cgroup they were in; absent where that is not proven. */
  readonly victimCgroup?: CgroupName;
  /** Whether the kernel counted a group kill there; absent where it does not count them. */
  readonly group?: boolean;
}

/** The kernel's counts of one container. */
interface Account {
  /** Absent where the container is gone, or was never found. */
  handler: ContainerHandler | undefined;
  /** Of its memory cgroup, which keeps it when it is renamed. */
  readonly inode: number | undefined;
  source: string;
  counted: number;
  groupKills: number | undefined;
  /** Whether group kills were counted since all was last explained. */
  hasGroupKill: boolean;
  /** Kills that were counted and that no event named. */
  unnamed: number;
  endedMs: number;
}

/** The file that counts the kills of a whole node. */
const NODE_SOURCE = "vmstat";

/** The count of a container that is gone is exposed for so long. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/**
 * The kernel's counts of the OOM kills of each container. They never cause an
 * event: they state where kills were that no record names, if nothing else can
 * be meant, and which kernel file confirms a kill.
 */
export class OomCounters {
  readonly #clock: Clock;
  readonly #living = new Map<CgroupName, Account>();
  /** By name, in the order in which they were removed. */
  readonly #ended = new Map<CgroupName, Account>();
  /** Kills that events of this run report, by name. */
  readonly #kills = new Map<CgroupName, number>();
  /** Kills that were reported without a cgroup since all was last explained. */
  #withoutCgroup = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Kills by container that events reported in this run; of one that is gone for five minutes. */
  killsByContainer(): Iterable<readonly [CgroupName, number]> {
    this.#forget();
    return this.#kills;
  }

  /** A container was found; `isNew` where it was not there when the agent started. */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    const read = handler.oomKills();
    const inode = handler.memoryInode();
    const account: Account = {
      handler,
      inode,
      source: read?.source ?? "",
      counted: read?.count ?? 0,
      groupKills: read?.groupKills,
      hasGroupKill: isNew && (read?.groupKills ?? 0) > 0,
      unnamed: isNew ? read?.count ?? 0 : 0,
      endedMs: Infinity,
    };
    // What was counted under another name is not counted anew.
    const renamed = account.unnamed > 0 ? this.#withInode(inode) : undefined;
    if (renamed !== undefined) {
      account.unnamed += renamed.unnamed - renamed.counted;
      renamed.unnamed = 0;
    }
    const before = this.#ended.get(name);
    // An event named it before it was found.
    if (before !== undefined && before.inode === undefined) {
      account.unnamed += before.unnamed;
    }
    this.#ended.delete(name);
    this.#living.set(name, account);
  }

  /** A container was removed. */
  close(name: CgroupName): void {
    const account = this.#living.get(name);
    if (account === undefined) return;
    this.#living.delete(name);
    if (account.counted > 0 || account.unnamed !== 0 || this.#kills.has(name)) {
      this.#end(name, account);
    }
  }

  /** The kernel wrote to a file that counts a container's kills. */
  look(name: CgroupName): void {
    read(this.#living.get(name));
  }

  /** Whether a container counted a kill that no event named. */
  hasUnnamed(name: CgroupName): boolean {
    const account = this.#living.get(name);
    read(account);
    return (account?.unnamed ?? 0) > 0;
  }

  /** Reads the counts of all containers: some may be removed soon. */
  readAll(): void {
    for (const account of this.#living.values()) read(account);
  }

  /** An event reports a kill. Returns the file that counted it, too. */
  name(victimCgroup: CgroupName | undefined): string | undefined {
    if (victimCgroup === undefined) {
      this.#withoutCgroup++;
      return undefined;
    }
    const account = this.#find(victimCgroup);
    read(account);
    const isCounted = account.unnamed > 0;
    account.unnamed--;
    this.#kill(victimCgroup, 1);
    return isCounted ? account.source : undefined;
  }

  /** The first victim of a group was counted once more. */
  repeat(victimCgroup: CgroupName | undefined): void {
    if (victimCgroup !== undefined) this.#find(victimCgroup).unnamed--;
  }

  /**
   * Where so many kills were that no record names: in the containers that
   * counted kills which no event named, if all that the node counted is
   * accounted for with these; else their records may be yet to come. A kill that
   * an event reports without a cgroup may be any of those that a container
   * counted: only what a container counted beyond all of them is proven.
   *
   * @param areAll whether all that was counted when the counts were last read is accounted for with these
   */
  locate(count: number, areAll: boolean): CountedKills[] {
    const found = this.#accounts().filter(([, { unnamed }]) => unnamed > 0);
    const located: CountedKills[] = [];
    let left = count;
    for (const [victimCgroup, account] of areAll ? found : []) {
      const kills = Math.min(account.unnamed - this.#withoutCgroup, left);
      if (kills <= 0) continue;
      left -= kills;
      account.unnamed -= kills;
      this.#kill(victimCgroup, kills);
      const group = this.#hasGroupKill(victimCgroup, account);
      located.push({
        count: kills,
        source: account.source,
        victimCgroup,
        ...(group !== undefined && { group }),
      });
    }
    if (left > 0) {
      located.push({ count: left, source: NODE_SOURCE });
      this.#withoutCgroup += left;
    }
    return located;
  }

  /** Every unit that the node counted is accounted for: nothing that was counted before can be meant any more. */
  settle(isStill: () => boolean): void {
    if (
      this.#withoutCgroup === 0 &&
      !this.#accounts().some(([, account]) =>
        account.unnamed !== 0 || account.hasGroupKill
      )
    ) return;
    this.readAll();
    // The node counts a kill before its cgroup does.
    if (!isStill()) return;
    for (const [name, account] of this.#accounts()) {
      // What was counted there and named nowhere are the kills without a cgroup.
      const kills = Math.min(Math.max(0, account.unnamed), this.#withoutCgroup);
      this.#withoutCgroup -= kills;
      this.#kill(name, kills);
      account.unnamed = 0;
      account.hasGroupKill = false;
    }
    this.#withoutCgroup = 0;
  }

  #accounts(): [CgroupName, Account][] {
    return [...this.#ended, ...this.#living];
  }

  #withInode(inode: number | undefined): Account | undefined {
    if (inode === undefined) return undefined;
    return this.#accounts().find(([, account]) => account.inode === inode)?.[1];
  }

  #find(name: CgroupName): Account {
    const known = this.#living.get(name) ?? this.#ended.get(name);
    if (known !== undefined) return known;
    return this.#end(name, {
      handler: undefined,
      inode: undefined,
      source: "",
      counted: 0,
      groupKills: undefined,
      hasGroupKill: false,
      unnamed: 0,
      endedMs: Infinity,
    });
  }

  #end(name: CgroupName, account: Account): Account {
    account.handler = undefined;
    account.endedMs = this.#clock.monotonic();
    this.#ended.delete(name);
    this.#ended.set(name, account);
    this.#forget();
    return account;
  }

  #kill(name: CgroupName, count: number): void {
    if (count > 0) this.#kills.set(name, (this.#kills.get(name) ?? 0) + count);
  }

  /** The kernel counts a group kill in the cgroup whose `memory.oom.group` is set: this one or one above it. */
  #hasGroupKill(name: CgroupName, account: Account): boolean | undefined {
    if (account.groupKills === undefined) return undefined;
    if (account.hasGroupKill) return true;
    for (let above = name; above !== ROOT;) {
      above = parentOf(above);
      if (this.#living.get(above)?.hasGroupKill) return true;
    }
    return false;
  }

  #forget(): void {
    const limitMs = this.#clock.monotonic() - ENDED_MS;
    for (const [name, { endedMs }] of this.#ended) {
      if (endedMs > limitMs && this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(name);
      if (!this.#living.has(name)) this.#kills.delete(name);
    }
  }
}

/** Reads the counts of a container, if it is still there. */
function read(account: Account | undefined): void {
  const now = account?.handler?.oomKills();
  if (account === undefined || now === undefined) return;
  account.unnamed += now.count - account.counted;
  account.counted = now.count;
  account.source = now.source;
  if ((now.groupKills ?? 0) > (account.groupKills ?? 0)) {
    account.hasGroupKill = true;
  }
  account.groupKills = now.groupKills;
}
