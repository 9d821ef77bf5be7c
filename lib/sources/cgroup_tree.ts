import { type CgroupName, childOf, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { Hierarchy } from "../kernfs/cgroup/hierarchy.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { DirectoryStat } from "../kernfs/host_fs.ts";
import type { ContainerChange } from "./container_watcher.ts";
import { RecentlyRemoved } from "./recently_removed.ts";
import { ScanErrors } from "./scan_errors.ts";
import { type Relist, RelistQueue } from "./relist_queue.ts";
import { LifetimeCounter } from "./lifetime_counter.ts";

/** Dependencies of a {@linkcode CgroupTree}. */
export interface CgroupTreeOptions {
  readonly fs: HostFs;
  readonly hierarchies: readonly Hierarchy[];
  readonly clock: Clock;
  /**
   * Notifications refer to directories only, one for each creation and one for
   * each removal, so that they can be counted: true on cgroupfs, false on a
   * tree of plain files.
   *
   * @default true
   */
  readonly removalsCount?: boolean;
}

/**
 * Event that a notification reports of a directory. A creation is reported as a
 * removal if the directory is gone when `Deno.watchFs` passes it on.
 */
export type HintKind = "create" | "remove" | "rename";

/**
 * Property by which a directory is compared with the known state: the number of
 * children, their names, or their inodes. The number does not change if one
 * child is removed and another created, but reading it costs a twentieth of
 * reading the names.
 */
type Comparison = "number" | "names" | "inodes";

/**
 * Names of control files. Deno 2.6 reports a write as a removal if the file is
 * gone when it passes it on: runc writes `freezer.state`, the kernel
 * `cgroup.events`, before a cgroup is removed.
 */
const CONTROL_FILE_REGEXP =
  /^(?:(?:blkio|cgroup|cpu|cpuacct|cpuset|devices|dmem|freezer|hugetlb|io|irq|memory|misc|net_cls|net_prio|perf_event|pids|rdma)\.[\w.]+|notify_on_release|tasks)$/;

/** From this number of notifications on, names are compared: if as many children are created as removed, their number is unchanged. */
const MANY_NOTIFICATIONS = 8;

/** Placeholder for an inode: not seen in this hierarchy. */
const UNSEEN = 0;
/** Placeholder for an inode: seen in this hierarchy, then removed from it. */
const LEFT = -1;

/**
 * Runtimes create a container in all hierarchies within this time. A directory
 * that is found when all others are gone, and was created later, belongs to the
 * next container of the same name.
 */
const CREATION_MS = 200;

/** A container, in any number of hierarchies. */
interface Node {
  readonly name: CgroupName;
  /** Creation time of the directory that was seen first. */
  readonly createdMs: number | undefined;
  /** Inode of the directory in each hierarchy, or {@linkcode UNSEEN} or {@linkcode LEFT}. */
  readonly inodes: number[];
  readonly counter: LifetimeCounter;
  readonly children: Set<CgroupName>;
}

/**
 * The set of containers, built from directory listings; notifications are hints
 * for what to check. A container is one name in any number of hierarchies: it
 * is added once, when it appears in the first, and deleted once, when it is
 * gone from the last. A name that reappears with another inode is another
 * container.
 *
 * Changes collect until {@linkcode take}. The long walks are generators that
 * stop after each directory, so that the caller can do other work in between.
 *
 * Exceeds 300 lines: one state machine. Checking a directory may add, move and
 * end containers among its ancestors, descendants and siblings.
 */
export class CgroupTree {
  readonly fs: HostFs;
  readonly #hierarchies: readonly Hierarchy[];
  readonly #removalsCount: boolean;
  readonly #nodes = new Map<CgroupName, Node>();
  #changes: ContainerChange[] = [];
  /** Names with an add or update in `#changes`. */
  readonly #fresh = new Set<CgroupName>();
  readonly #relists: RelistQueue;
  readonly #recentlyRemoved: RecentlyRemoved;
  readonly #errors = new ScanErrors();
  /** Receives the directories found, if they are not to be listed immediately. */
  #listedLater: Set<CgroupName> | undefined;

  constructor(options: CgroupTreeOptions) {
    this.fs = options.fs;
    this.#hierarchies = options.hierarchies;
    this.#removalsCount = options.removalsCount ?? true;
    this.#recentlyRemoved = new RecentlyRemoved(options.clock);
    this.#relists = new RelistQueue(options.clock);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Number of directories over all hierarchies. */
  get directories(): number {
    let count = 0;
    for (const { inodes } of this.#nodes.values()) {
      for (const inode of inodes) if (inode > 0) count++;
    }
    return count;
  }

  get paths(): string[] {
    return this.#hierarchies.map((hierarchy) => hierarchy.path);
  }

  /** The directories that cannot be read now, and the reason; `undefined` if all can. */
  get failure(): string | undefined {
    return this.#errors.text;
  }

  /** Time at which {@linkcode settle} has work, on the clock's monotonic time. */
  get dueMs(): number {
    return this.#relists.dueMs;
  }

  take(): ContainerChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    this.#fresh.clear();
    return changes;
  }

  /** Handles a notification with this path: a directory created, removed, or either. */
  hint(path: string, kind: HintKind): void {
    const [at, name] = this.#locate(path);
    // Before the first listing there is nothing to compare with.
    if (at < 0 || name === ROOT || !this.#nodes.has(ROOT)) return;
    if (kind === "remove" && this.#isControlFile(name)) return;
    // Siblings may be created or removed of which nothing is reported.
    this.#touch(parentOf(name));
    if (kind === "remove") this.#leaveUnseen(at, name);
    const isThere = this.#checkDirectory(at, name);
    if (!this.#removalsCount || kind === "rename") return;
    const node = this.#nodes.get(name);
    if (node === undefined) this.#countUnknown(at, name, kind);
    else this.#countNotification(node, at, kind, isThere);
  }

  /** No cgroup can have the name of a control file of its parent. */
  #isControlFile(name: CgroupName): boolean {
    const base = name.slice(name.lastIndexOf("/") + 1);
    return CONTROL_FILE_REGEXP.test(base) && !this.#nodes.has(name);
  }

  /** Checks a created directory that is not known before its hint is handled: by then it may be gone. */
  discover(path: string): void {
    const [at, name] = this.#locate(path);
    if (at >= 0 && this.#nodes.has(ROOT) && !this.#nodes.has(name)) {
      this.#checkDirectory(at, name);
    }
  }

  nameOf(path: string): CgroupName | undefined {
    const [at, name] = this.#locate(path);
    return at >= 0 && this.#nodes.has(name) ? name : undefined;
  }

  check(name: CgroupName): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    for (const at of this.#hierarchies.keys()) this.#checkDirectory(at, name);
  }

  /** Schedules a later listing of a directory in which nothing is reported. */
  listLater(path: string): void {
    const name = this.nameOf(path);
    if (name !== undefined) this.#relists.retry(name);
  }

  *settle(): Generator<void> {
    for (
      let relist = this.#relists.take();
      relist !== undefined;
      relist = this.#relists.take()
    ) {
      yield* this.#relist(relist.name, this.#comparisonOf(relist));
      if (this.#nodes.has(relist.name)) this.#relists.postpone(relist);
    }
  }

  #comparisonOf({ notifications, isLast }: Relist): Comparison {
    if (!this.#errors.isEmpty) return "inodes";
    return isLast || notifications >= MANY_NOTIFICATIONS ? "names" : "number";
  }

  /** Lists each directory whose number of children differs from the known number. */
  *sweep(): Generator<void> {
    for (const [name, { children }] of [...this.#nodes]) {
      if (children.size > 0) yield* this.#relist(name, "number");
      yield* this.settle();
    }
  }

  /** Compares the whole known state with the listing, or that of one hierarchy. */
  *reconcile(hierarchy?: number): Generator<void> {
    const isFirst = !this.#nodes.has(ROOT);
    if (isFirst) this.#addRoot();
    const names = new Set(this.#nodes.keys());
    // The first listing finds many directories: this loop reaches them later.
    if (isFirst) this.#listedLater = names;
    try {
      for (const name of names) {
        yield* this.#relist(name, "inodes", hierarchy);
        // In a storm, new containers would be gone before this ends.
        yield* this.settle();
      }
    } finally {
      // Runs also if the caller stops iterating.
      this.#listedLater = undefined;
    }
    if (hierarchy !== undefined) return;
    this.#recentlyRemoved.forget();
    this.#changes.push({ type: "listed" });
  }

  /** Returns the index of the hierarchy of a directory, −1 if there is none, and the name of its container. */
  #locate(path: string): [at: number, name: CgroupName] {
    const at = this.#hierarchies.findIndex((hierarchy) =>
      path.startsWith(hierarchy.path) &&
      (path.length === hierarchy.path.length ||
        path[hierarchy.path.length] === "/")
    );
    const name = path.slice(this.#hierarchies[at]?.path.length ?? 0);
    return [at, name === "" ? ROOT : name];
  }

  #addRoot(): void {
    const root = this.#newNode(ROOT, undefined);
    for (const at of this.#hierarchies.keys()) {
      root.inodes[at] = this.#stat(at, ROOT)?.inode ?? UNSEEN;
    }
    this.#reportAdd(ROOT, root.counter, undefined);
  }

  #newNode(name: CgroupName, createdMs: number | undefined): Node {
    const node = {
      name,
      createdMs,
      inodes: this.#hierarchies.map(() => UNSEEN),
      counter: this.#recentlyRemoved.take(name) ?? this.#newCounter(),
      children: new Set<CgroupName>(),
    };
    this.#nodes.set(name, node);
    return node;
  }

  #path(at: number, name: CgroupName): string {
    const { path } = this.#hierarchies[at] as Hierarchy;
    return name === ROOT ? path : path + name;
  }

  /**
   * Returns the directory of a container in a hierarchy. If the kernel returns
   * EIO or EACCES, the result is the last known state: a directory that cannot
   * be read is not gone, and other containers are still tracked.
   */
  #stat(at: number, name: CgroupName): DirectoryStat | undefined {
    const path = this.#path(at, name);
    try {
      const stat = this.fs.statDirectory(path);
      this.#errors.end(path, stat === undefined);
      return stat;
    } catch (error) {
      this.#errors.begin(path, error);
      this.#relists.retry(name === ROOT ? ROOT : parentOf(name));
      const inode = this.#nodes.get(name)?.inodes[at] ?? UNSEEN;
      if (inode <= 0) return undefined;
      return { inode, links: NaN, modifiedMs: undefined };
    }
  }

  /**
   * Returns the names of the subdirectories. If they cannot be read (EMFILE),
   * returns an empty list and schedules another listing.
   */
  #list(at: number, name: CgroupName): string[] {
    const path = this.#path(at, name);
    try {
      const names = this.fs.subdirectories(path);
      this.#errors.endListing(path, names);
      return names;
    } catch (error) {
      this.#errors.beginListing(path, error);
      this.#relists.retry(name);
      return [];
    }
  }

  #touch(name: CgroupName): void {
    if (this.#nodes.has(name)) this.#relists.touch(name);
  }

  /** Checks whether `name` is in a hierarchy and updates the containers; returns whether it is. */
  #checkDirectory(at: number, name: CgroupName): boolean {
    const stat = this.#stat(at, name);
    const node = this.#nodes.get(name);
    if (stat === undefined) {
      if (node !== undefined && hasInode(node, at)) this.#lose(node, at);
      return false;
    }
    if (node === undefined) return this.#add(at, name, stat);
    if (node.inodes[at] === stat.inode) return true;
    // If the parent is now another container, the child is another one, too.
    if (name !== ROOT) this.#checkDirectory(at, parentOf(name));
    if (
      this.#nodes.get(name) !== node || node.inodes[at] === stat.inode
    ) return this.#checkDirectory(at, name);
    // This check comes before the descendants are searched in other
    // hierarchies, where they would belong to another container.
    if (this.#wasReplaced(node, at, stat)) {
      this.#remove(node);
      return this.#add(at, name, stat);
    }
    this.#leave(node, at);
    this.#reportUpdate(name);
    this.#show(node, at, stat);
    return true;
  }

  /**
   * Records that a container is in a hierarchy, and lists its descendants:
   * nothing is reported of those created before the directory was watched.
   */
  #show(node: Node, at: number, stat: DirectoryStat): void {
    node.inodes[at] = stat.inode;
    if (this.#listedLater === undefined) this.#touch(node.name);
    if (stat.links === 2) return;
    if (this.#listedLater?.add(node.name) === undefined) {
      for (const _ of this.#listOne(at, node.name, "number")) {
        /** Lists without yielding. */
      }
    }
  }

  /**
   * In the first listing, searches a container in all hierarchies together, so
   * that none of its directories needs a second check.
   */
  #showElsewhere(node: Node, parent: Node): void {
    for (const at of this.#hierarchies.keys()) {
      if (node.inodes[at] !== UNSEEN || !hasInode(parent, at)) continue;
      const stat = this.#stat(at, node.name);
      if (stat !== undefined) this.#show(node, at, stat);
    }
  }

  #add(at: number, name: CgroupName, stat: DirectoryStat): boolean {
    const parentName = parentOf(name);
    if (!this.#checkDirectory(at, parentName)) return false;
    const parent = this.#nodes.get(parentName);
    if (parent === undefined) return false;
    // The parent, if new itself, may have found it already.
    if (this.#nodes.has(name)) return this.#checkDirectory(at, name);
    parent.children.add(name);
    const node = this.#newNode(name, stat.modifiedMs);
    this.#reportAdd(name, node.counter, stat.modifiedMs);
    this.#show(node, at, stat);
    if (this.#listedLater !== undefined) this.#showElsewhere(node, parent);
    return true;
  }

  /** Reports containers of this name that were created and removed before the one that exists now. */
  #countNotification(
    node: Node,
    at: number,
    kind: HintKind,
    isThere: boolean,
  ): void {
    const { name, counter } = node;
    counter.recordNotification(at, kind === "create");
    if (kind === "create") counter.limit(at);
    // If it left one hierarchy only, notifications of the others follow.
    if (!isThere) return;
    while (counter.deletes < counter.ended(at)) {
      this.#reportDelete(name, counter);
      const createdMs = this.#stat(at, name)?.modifiedMs;
      this.#reportAdd(name, counter, createdMs);
    }
  }

  /** Reports containers with notifications that were removed before they could be read. */
  #countUnknown(at: number, name: CgroupName, kind: HintKind): void {
    const counter = this.#recentlyRemoved.take(name) ?? this.#newCounter();
    counter.recordNotification(at, kind === "create");
    this.#recentlyRemoved.keep(name, counter);
    if (counter.adds >= counter.begun(at)) return;
    for (const other of this.#hierarchies.keys()) {
      if (this.#checkDirectory(other, name)) return;
      // It may exist: it is reported when it can be read.
      if (this.#errors.has(this.#path(other, name))) return;
    }
    while (counter.adds < counter.begun(at)) {
      this.#reportAdd(name, counter, undefined);
      this.#reportDelete(name, counter);
    }
  }

  #newCounter(): LifetimeCounter {
    return new LifetimeCounter(this.#hierarchies.length);
  }

  #reportAdd(
    name: CgroupName,
    counter: LifetimeCounter,
    createdMs: number | undefined,
  ): void {
    counter.adds++;
    this.#fresh.add(name);
    this.#changes.push({ type: "add", name, createdMs });
  }

  /** One update is enough for any number of hierarchies. */
  #reportUpdate(name: CgroupName): void {
    if (this.#fresh.has(name)) return;
    this.#fresh.add(name);
    this.#changes.push({ type: "update", name });
  }

  #reportDelete(name: CgroupName, counter: LifetimeCounter): void {
    counter.deletes++;
    this.#fresh.delete(name);
    this.#changes.push({ type: "delete", name });
  }

  /** Removes a container from one hierarchy, and deletes it if that was the last. */
  #lose(node: Node, at: number): void {
    this.#leave(node, at);
    if (!this.#isAnywhere(node)) {
      // It may be in a hierarchy whose notification is still pending.
      for (const [other, inode] of node.inodes.entries()) {
        if (inode !== UNSEEN) continue;
        const stat = this.#stat(other, node.name);
        if (stat === undefined || isOfNext(node, stat)) continue;
        this.#checkDirectory(other, parentOf(node.name));
        if (this.#nodes.get(node.name) !== node) return;
        this.#show(node, other, stat);
      }
    }
    if (this.#nodes.get(node.name) !== node) return;
    if (!this.#isAnywhere(node)) this.#remove(node);
    else this.#reportUpdate(node.name);
  }

  #leave(node: Node, at: number): void {
    if (!hasInode(node, at)) return;
    node.inodes[at] = LEFT;
    for (const name of node.children) {
      const child = this.#nodes.get(name);
      if (child !== undefined && hasInode(child, at)) this.#lose(child, at);
    }
  }

  /**
   * Handles the removal of a known container from a hierarchy in which it was
   * never seen: it was there before the first check.
   */
  #leaveUnseen(at: number, name: CgroupName): void {
    const node = this.#nodes.get(name);
    if (node?.inodes[at] !== UNSEEN) return;
    if (node.counter.ended(at) + 1 >= node.counter.adds) node.inodes[at] = LEFT;
  }

  #isAnywhere(node: Node): boolean {
    return node.inodes.some((inode) => inode > 0);
  }

  /**
   * Whether the directory now in a hierarchy belongs to another container, if
   * its inode is not the known one. It belongs to the same container if that
   * still exists in another hierarchy, or was removed from all others before it
   * was first seen here.
   */
  #wasReplaced(node: Node, at: number, stat: DirectoryStat): boolean {
    let replaced = node.inodes[at] !== UNSEEN || isOfNext(node, stat);
    for (const [other, inode] of node.inodes.entries()) {
      if (other === at || inode <= 0) continue;
      const stat = this.#stat(other, node.name);
      if (stat?.inode === inode) return false;
      if (stat !== undefined) replaced = true;
    }
    return replaced;
  }

  #remove(node: Node): void {
    for (const name of node.children) {
      const child = this.#nodes.get(name);
      if (child !== undefined) this.#remove(child);
    }
    this.#nodes.delete(node.name);
    this.#relists.forget(node.name);
    this.#nodes.get(parentOf(node.name))?.children.delete(node.name);
    this.#reportDelete(node.name, node.counter);
    this.#recentlyRemoved.keep(node.name, node.counter);
  }

  /** Updates a directory and its children, in all hierarchies or in one. */
  *#relist(
    name: CgroupName,
    by: Comparison,
    hierarchy?: number,
  ): Generator<void> {
    for (const at of this.#hierarchies.keys()) {
      if (hierarchy !== undefined && at !== hierarchy) continue;
      const node = this.#nodes.get(name);
      if (node === undefined) return;
      if (hasInode(node, at)) yield* this.#listOne(at, name, by);
      // The root could not be read in this hierarchy before.
      else if (name === ROOT) this.#checkDirectory(at, ROOT);
    }
  }

  *#listOne(at: number, name: CgroupName, by: Comparison): Generator<void> {
    const stat = this.#stat(at, name);
    if (stat?.inode !== this.#nodes.get(name)?.inodes[at]) {
      // Another directory, or none.
      this.#checkDirectory(at, name);
      return;
    }
    if (stat === undefined) return;
    const known = [...this.#nodes.get(name)?.children ?? []]
      .filter((child) => this.#isKnown(at, child));
    // A directory has two links for "." and its parent's entry, the others are
    // its subdirectories.
    const below = stat.links - 2;
    const isCounted = by === "number" || this.#listedLater !== undefined ||
      (by === "names" && below === 0);
    if (isCounted && known.length === below) return;
    if (by === "inodes") {
      let there = 0;
      for (const child of known) {
        if (this.#checkDirectory(at, child)) there++;
        yield;
      }
      if (there === below && this.#errors.isEmpty) return;
    }
    const found = new Set(
      this.#list(at, name).map((base) => childOf(name, base)),
    );
    for (const child of known) {
      if (found.delete(child)) continue;
      this.#checkDirectory(at, child);
      yield;
    }
    for (const child of found) {
      this.#checkDirectory(at, child);
      yield;
    }
  }

  #isKnown(at: number, name: CgroupName): boolean {
    const node = this.#nodes.get(name);
    return node !== undefined && hasInode(node, at);
  }
}

function isOfNext(
  { createdMs = Infinity }: Node,
  { modifiedMs = -Infinity }: DirectoryStat,
): boolean {
  return modifiedMs > createdMs + CREATION_MS;
}

function hasInode({ inodes }: Node, at: number): boolean {
  return (inodes[at] ?? UNSEEN) > 0;
}
