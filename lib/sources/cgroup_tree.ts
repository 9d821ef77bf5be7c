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
   * Whether notifications can be counted, one per creation and one per removal
   * of a directory: true on cgroupfs, false on a tree of plain files.
   *
   * @default true
   */
  readonly removalsCount?: boolean;
}

/** Event of a directory. `remove` may be a late creation: see {@linkcode LifetimeCounter}. */
export type HintKind = "create" | "remove" | "rename";

/**
 * Compared property of the children. Their number is unchanged if one is
 * removed and another created, but reading it costs a twentieth of reading the
 * names.
 */
type Comparison = "number" | "names" | "inodes";

/**
 * Control files. Deno 2.6 reports a write as a removal if the file is gone
 * before the report: runc writes `freezer.state`, the kernel `cgroup.events`,
 * before a cgroup is removed.
 */
const CONTROL_FILE_REGEXP =
  /^(?:(?:blkio|cgroup|cpu|cpuacct|cpuset|devices|dmem|freezer|hugetlb|io|irq|memory|misc|net_cls|net_prio|perf_event|pids|rdma)\.[\w.]+|notify_on_release|tasks)$/;

/**
 * From this number of notifications on, names are compared: as many creations
 * as removals leave the number unchanged.
 */
const MANY_NOTIFICATIONS = 8;

/** Placeholder for an inode not seen in this hierarchy. */
const UNSEEN = 0;
/** Placeholder for an inode removed from this hierarchy. */
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
  /** By hierarchy; {@linkcode UNSEEN} or {@linkcode LEFT} if not there. */
  readonly inodes: number[];
  readonly counter: LifetimeCounter;
  readonly children: Set<CgroupName>;
}

/**
 * The set of containers, built from directory listings; notifications are hints
 * for what to check. A container is one name in any number of hierarchies: it
 * is added when it appears in the first, and deleted when it is gone from the
 * last. The same name with another inode is another container.
 *
 * Changes collect until {@linkcode take}. The long walks are generators that
 * stop after each directory, so that the caller can do other work.
 *
 * Exceeds 300 lines: a check of a directory may add, move and end containers
 * among its ancestors, descendants and siblings.
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
  /** Directories found in the first listing, which lists them later. */
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

  /** Over all hierarchies. */
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

  /** Directories that cannot be read now, and the reason; `undefined` if all can. */
  get failure(): string | undefined {
    return this.#errors.text;
  }

  /** Monotonic time at which {@linkcode settle} has work. */
  get dueMs(): number {
    return this.#relists.dueMs;
  }

  take(): ContainerChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    this.#fresh.clear();
    return changes;
  }

  /** Handles a notification: a directory was created, removed, or either. */
  hint(path: string, kind: HintKind): void {
    const [at, name] = this.#locate(path);
    // Before the first listing there is nothing to compare.
    if (at < 0 || name === ROOT || !this.#nodes.has(ROOT)) return;
    if (kind === "remove" && this.#isControlFile(name)) return;
    // Siblings may be created or removed without a notification.
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

  /** Checks an unknown created directory immediately: it may be gone when its hint is handled. */
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

  /** For a directory without notifications. */
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

  /** Lists directories whose number of children has changed. */
  *sweep(): Generator<void> {
    for (const [name, { children }] of [...this.#nodes]) {
      if (children.size > 0) yield* this.#relist(name, "number");
      yield* this.settle();
    }
  }

  /** Compares the known state with a listing of all hierarchies, or of one. */
  *reconcile(hierarchy?: number): Generator<void> {
    const isFirst = !this.#nodes.has(ROOT);
    if (isFirst) this.#addRoot();
    const names = new Set(this.#nodes.keys());
    // The loop reaches the directories that it finds.
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

  /** Returns the index of a path's hierarchy, or −1, and the container's name. */
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
   * Returns a directory; after EIO or EACCES, its last known state: an
   * unreadable directory is not gone.
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
   * Returns the names of the subdirectories. If unreadable (EMFILE), returns
   * none and schedules another listing.
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

  /** Updates the containers; returns whether `name` is in the hierarchy. */
  #checkDirectory(at: number, name: CgroupName): boolean {
    const stat = this.#stat(at, name);
    const node = this.#nodes.get(name);
    if (stat === undefined) {
      if (node !== undefined && hasInode(node, at)) this.#lose(node, at);
      return false;
    }
    if (node === undefined) return this.#add(at, name, stat);
    if (node.inodes[at] === stat.inode) return true;
    // If the parent is another container, so is the child.
    if (name !== ROOT) this.#checkDirectory(at, parentOf(name));
    if (
      this.#nodes.get(name) !== node || node.inodes[at] === stat.inode
    ) return this.#checkDirectory(at, name);
    // Checked before the descendants are searched in other hierarchies, where
    // they would belong to another container.
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
   * Adds a container to a hierarchy, and lists its descendants: those created
   * before the directory was watched have no notification.
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

  /** In the first listing, searches all hierarchies together: no directory needs a second check. */
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
    // A new parent may have found it already.
    if (this.#nodes.has(name)) return this.#checkDirectory(at, name);
    parent.children.add(name);
    const node = this.#newNode(name, stat.modifiedMs);
    this.#reportAdd(name, node.counter, stat.modifiedMs);
    this.#show(node, at, stat);
    if (this.#listedLater !== undefined) this.#showElsewhere(node, parent);
    return true;
  }

  /** Reports containers of this name that were created and removed before the current one. */
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

  /** Reports containers that were removed before they could be read. */
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

  /** One update for any number of hierarchies. */
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

  /** Removes a container from a hierarchy, and deletes it if that was the last. */
  #lose(node: Node, at: number): void {
    this.#leave(node, at);
    if (!this.#isAnywhere(node)) {
      // Notifications of other hierarchies may be pending.
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

  /** Handles a removal from a hierarchy in which the container was only before its first check. */
  #leaveUnseen(at: number, name: CgroupName): void {
    const node = this.#nodes.get(name);
    if (node?.inodes[at] !== UNSEEN) return;
    if (node.counter.ended(at) + 1 >= node.counter.adds) node.inodes[at] = LEFT;
  }

  #isAnywhere(node: Node): boolean {
    return node.inodes.some((inode) => inode > 0);
  }

  /**
   * Returns whether a directory with another inode belongs to another
   * container: not if the known one still exists in another hierarchy, or left
   * all others before it was first seen here.
   */
  #wasReplaced(node: Node, at: number, stat: DirectoryStat): boolean {
    let replaced = node.inodes[at] !== UNSEEN || isOfNext(node, stat);
    for (const [other, inode] of node.inodes.entries()) {
      if (other === at || inode <= 0) continue;
      const now = this.#stat(other, node.name);
      if (now?.inode === inode) return false;
      if (now !== undefined) replaced = true;
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

  /** Updates a directory and its children. */
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
      // The root could not be read before.
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
    // Without "." and the entry in the parent.
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
