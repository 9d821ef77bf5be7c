import { type CgroupName, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";

/** Kills without a record, located by counts. */
export interface CountedKills {
  readonly count: number;
  /** The kernel file of the count. */
  readonly source: string;
  /** Absent if unproven. */
  readonly victimCgroup?: CgroupName;
  /** Absent if the kernel does not count group kills. */
  readonly group?: boolean;
}

class KillCounts {
  /** Absent if the container was removed or never found. */
  handler: ContainerHandler | undefined;
  /** Inode of the memory cgroup, unchanged by a rename. */
  readonly inode: number | undefined;
  source = "";
  counted = 0;
  groupKills: number | undefined;
  /** Since the last {@linkcode OomCounters.settle}. */
  hasGroupKill = false;
  /** Counted kills minus kills with an event, since the last settle. */
  unnamed = 0;
  /** Time of removal; `Infinity` while it exists. */
  endedMs = Infinity;

  constructor(handler?: ContainerHandler) {
    this.handler = handler;
    this.inode = handler?.memoryInode();
  }
}

/** `oom_kill` of `/proc/vmstat`. */
const NODE_SOURCE = "vmstat";

/** The kill count of a removed container is exposed this long. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/** Time without reading all counts, as a multiple of the time that reading took. */
const REST_FACTOR = 9;

/**
 * The kernel's OOM kill counts of the containers. They never cause an event:
 * they only locate kills without a record or whose record has no cgroup, and
 * name the file that confirms a kill.
 */
export class OomCounters {
  readonly #clock: Clock;
  readonly #living = new Map<CgroupName, KillCounts>();
  /** Removed, or named only by events; oldest first. */
  readonly #ended = new Map<CgroupName, KillCounts>();
  /** Kills reported by events of this run. */
  readonly #kills = new Map<CgroupName, number>();
  /** Kills reported, and repeats read, without a cgroup since the last {@linkcode OomCounters.settle}. */
  #withoutCgroup = 0;
  #repeats = 0;
  /** Whether nothing was counted or reported since the last settle. */
  #isSettled = true;
  /** The last result of {@linkcode OomCounters.findHolder}: tried first in a flood of kills. */
  #holder: CgroupName | undefined;
  #restUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Returns the kills reported in this run; those of a removed container for 5 minutes. */
  killsByContainer(): Iterable<readonly [CgroupName, number]> {
    this.#forget();
    return this.#kills;
  }

  /** `isNew`: found after the first listing, so its whole count is new. */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    const counts = new KillCounts(handler);
    this.#read(counts);
    if (!isNew) {
      counts.unnamed = 0;
      counts.hasGroupKill = false;
    }
    // Kills counted under another name are not counted again.
    const renamed = counts.unnamed > 0 && counts.inode !== undefined
      ? this.#allCounts().find(([, { inode }]) => inode === counts.inode)?.[1]
      : undefined;
    if (renamed !== undefined) {
      counts.unnamed += renamed.unnamed - renamed.counted;
      renamed.unnamed = 0;
    }
    const before = this.#ended.get(name);
    // An event named the container before it was found.
    if (before !== undefined && before.inode === undefined) {
      counts.unnamed += before.unnamed;
    }
    this.#ended.delete(name);
    this.#living.set(name, counts);
  }

  close(name: CgroupName): void {
    const counts = this.#living.get(name);
    if (counts === undefined) return;
    this.#living.delete(name);
    if (counts.counted > 0 || counts.unnamed !== 0 || this.#kills.has(name)) {
      this.#end(name, counts);
    }
  }

  /** Reads the counts after the kernel changed them. */
  refresh(name: CgroupName): void {
    this.#read(this.#living.get(name));
  }

  has(name: CgroupName): boolean {
    return this.#living.has(name);
  }

  /**
   * Returns the only container that counted kills without an event or without a
   * cgroup since the last settle, if it counted all of them: each was there.
   *
   * @param readOpen returns the node's units without an event; `undefined` if
   * unknown
   */
  findHolder(readOpen: () => number | undefined): CgroupName | undefined {
    if (this.#repeats > 0 || !((readOpen() ?? 0) > 0)) return undefined;
    // Read the containers' counts first: the node's count then includes each
    // kill in a container.
    this.refresh(this.#holder ?? "");
    this.#holder = this.#findHolder(readOpen) ??
      (this.#readAllRarely() ? this.#findHolder(readOpen) : undefined);
    return this.#holder;
  }

  #findHolder(readOpen: () => number | undefined): CgroupName | undefined {
    const units = (readOpen() ?? NaN) + this.#withoutCgroup;
    const found = this.#allCounts().filter(([, { unnamed }]) => unnamed !== 0);
    const isOne = found.length === 1 && found[0]?.[1].unnamed === units;
    return isOne ? found[0]?.[0] : undefined;
  }

  /** Reads all counts: a container may be removed soon. */
  readAll(): void {
    for (const counts of this.#living.values()) this.#read(counts);
  }

  /** Counts a reported kill; returns the file that also counted it, if any. */
  recordKill(victimCgroup: CgroupName | undefined): string | undefined {
    this.#isSettled = false;
    if (victimCgroup === undefined) {
      this.#withoutCgroup++;
      return undefined;
    }
    const counts = this.#find(victimCgroup);
    this.#read(counts);
    const isCounted = counts.unnamed > 0;
    counts.unnamed--;
    this.#kill(victimCgroup, 1);
    return isCounted ? counts.source : undefined;
  }

  /** Accounts for the second count of a group's first victim: no kill. */
  recordRepeat(victimCgroup: CgroupName | undefined): void {
    this.#isSettled = false;
    if (victimCgroup === undefined) this.#repeats++;
    else this.#find(victimCgroup).unnamed--;
  }

  /**
   * Locates `count` kills without a record in the containers that counted kills
   * without an event; the rest has no cgroup. Kills and repeats without a cgroup
   * may be among those: only kills beyond their number are proven.
   *
   * @param areAll whether these kills complete the node's count at the last
   * read of the containers' counts; if not, records may still arrive, and no
   * kill is located
   */
  locate(count: number, areAll: boolean): CountedKills[] {
    this.#isSettled = false;
    const unproven = this.#withoutCgroup + this.#repeats;
    const found = this.#allCounts().filter(([, { unnamed }]) => unnamed > 0);
    const located: CountedKills[] = [];
    let left = count;
    for (const [victimCgroup, counts] of areAll ? found : []) {
      const kills = Math.min(counts.unnamed - unproven, left);
      if (kills <= 0) continue;
      left -= kills;
      counts.unnamed -= kills;
      this.#kill(victimCgroup, kills);
      const group = this.#hasGroupKill(victimCgroup, counts);
      located.push({
        count: kills,
        source: counts.source,
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

  /**
   * Resets `unnamed` once all units are accounted for, as `isStill` confirms: no
   * earlier count explains a later kill. Call it again if not `isSettled`.
   */
  settle(isStill: () => boolean): void {
    if (this.#isSettled) return;
    const all = this.#allCounts();
    // Each kill has an event that names its container.
    this.#isSettled = this.#withoutCgroup + this.#repeats === 0 &&
      all.every(([, { unnamed, hasGroupKill }]) =>
        unnamed === 0 && !hasGroupKill
      );
    if (this.#isSettled || !this.#readAllRarely()) return;
    // The node counts a kill before its cgroup does.
    if (!isStill()) return;
    const found = all.filter(([, { unnamed }]) => unnamed > 0);
    // These are the kills reported without a cgroup; a repeat is not a kill.
    const areKills = this.#repeats === 0 || found.length === 1;
    for (const [name, counts] of areKills ? found : []) {
      const kills = Math.min(counts.unnamed, this.#withoutCgroup);
      this.#withoutCgroup -= kills;
      this.#kill(name, kills);
    }
    for (const [, counts] of all) {
      counts.unnamed = 0;
      counts.hasGroupKill = false;
    }
    this.#withoutCgroup = this.#repeats = 0;
    this.#isSettled = true;
  }

  /** Reads all counts in at most a tenth of the time; otherwise returns `false`. */
  #readAllRarely(): boolean {
    const startMs = this.#clock.monotonic();
    if (startMs < this.#restUntilMs) return false;
    this.readAll();
    const endMs = this.#clock.monotonic();
    this.#restUntilMs = endMs + REST_FACTOR * (endMs - startMs);
    return true;
  }

  #read(counts: KillCounts | undefined): void {
    const now = counts?.handler?.oomKills();
    if (counts === undefined || now === undefined) return;
    counts.unnamed += now.count - counts.counted;
    const hasGroupKill = (now.groupKills ?? 0) > (counts.groupKills ?? 0);
    if (hasGroupKill) counts.hasGroupKill = true;
    if (hasGroupKill || now.count !== counts.counted) this.#isSettled = false;
    counts.counted = now.count;
    counts.source = now.source;
    counts.groupKills = now.groupKills;
  }

  #allCounts(): [CgroupName, KillCounts][] {
    return [...this.#ended, ...this.#living];
  }

  #find(name: CgroupName): KillCounts {
    const known = this.#living.get(name) ?? this.#ended.get(name);
    if (known !== undefined) return known;
    return this.#end(name, new KillCounts());
  }

  #end(name: CgroupName, counts: KillCounts): KillCounts {
    counts.handler = undefined;
    counts.endedMs = this.#clock.monotonic();
    this.#ended.delete(name);
    this.#ended.set(name, counts);
    this.#forget();
    return counts;
  }

  #kill(name: CgroupName, count: number): void {
    if (count > 0) this.#kills.set(name, (this.#kills.get(name) ?? 0) + count);
  }

  /** Group kills are counted in the cgroup with `memory.oom.group`: this one or an ancestor. */
  #hasGroupKill(name: CgroupName, counts: KillCounts): boolean | undefined {
    if (counts.groupKills === undefined) return undefined;
    if (counts.hasGroupKill) return true;
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
