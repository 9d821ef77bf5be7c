import { type CgroupName, childOf, parentOf, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { Hierarchy } from "../kernfs/cgroup/hierarchy.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { DirectoryStat } from "../kernfs/host_fs.ts";
import type { ContainerChange } from "./container_watcher.ts";
import { JustGone } from "./just_gone.ts";
import { ListFailures } from "./list_failures.ts";
import { type Relist, RelistQueue } from "./relist_queue.ts";
import { Tally } from "./tally.ts";

/** What a {@linkcode CgroupTree} stands on. */
export interface CgroupTreeOptions {
  readonly fs: HostFs;
  readonly hierarchies: readonly Hierarchy[];
  readonly clock: Clock;
  /**
   * Notifications are of directories alone, one of each creation and one of
   * each removal, so that they can be counted: true on cgroupfs, not on a
   * tree of plain files. @default true
   */
  readonly removalsCount?: boolean;
}

/**
 * What a notification reports of a directory. A creation is reported as a
 * removal if the directory is gone when `Deno.watchFs` passes it on.
 */
export type HintKind = "create" | "remove" | "rename";

/**
 * How a directory is compared with what is known: by its number of children,
 * by their names, or by their inodes. The number is the same where one is
 * removed and another created, but costs a twentieth of the names.
 */
type Comparison = "number" | "names" | "inodes";

/** Where so much happens, as many may be created as are removed without a notification. */
const MANY_TOUCHES = 8;

/** In place of an inode: not seen in this hierarchy. */
const UNSEEN = 0;
/** In place of an inode: seen in this hierarchy, and no more. */
const LEFT = -1;

/** A container, in whichever hierarchies it shows. */
interface Node {
  readonly name: CgroupName;
  /** Its directory's inode in each hierarchy, or {@linkcode UNSEEN} or {@linkcode LEFT}. */
  readonly inodes: number[];
  /** How many of that name there were lately. */
  readonly tally: Tally;
  readonly children: Set<CgroupName>;
}

/**
 * What containers there are, by listing; notifications are hints where to
 * look. A container is one name in any number of hierarchies: it is added
 * once, when it shows in the first, and deleted once, when it has left the
 * last. A name that comes back with another inode is another container.
 *
 * Changes collect until {@linkcode take}. The long walks are generators that
 * stop after each directory, so that the caller can do other work between.
 *
 * Over 300 lines, for it is one state machine: a look at a directory may add,
 * move and end containers above, below and beside it.
 */
export class CgroupTree {
  readonly fs: HostFs;
  readonly #hierarchies: readonly Hierarchy[];
  readonly #removalsCount: boolean;
  readonly #nodes = new Map<CgroupName, Node>();
  #changes: ContainerChange[] = [];
  /** Whose adds or updates are among them. */
  readonly #fresh = new Set<CgroupName>();
  readonly #relists: RelistQueue;
  readonly #justGone: JustGone;
  readonly #failures = new ListFailures();
  /** Takes the directories found, where they are not to be listed at once. */
  #listedLater: Set<CgroupName> | undefined;

  constructor(options: CgroupTreeOptions) {
    this.fs = options.fs;
    this.#hierarchies = options.hierarchies;
    this.#removalsCount = options.removalsCount ?? true;
    this.#justGone = new JustGone(options.clock);
    this.#relists = new RelistQueue(options.clock);
  }

  /** How many containers there are. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Directories over all hierarchies. */
  get directories(): number {
    let count = 0;
    for (const { inodes } of this.#nodes.values()) {
      for (const inode of inodes) if (inode > 0) count++;
    }
    return count;
  }

  /** Where the hierarchies are mounted. */
  get paths(): string[] {
    return this.#hierarchies.map((hierarchy) => hierarchy.path);
  }

  /** What cannot be looked at now, and why; undefined where all can. */
  get failure(): string | undefined {
    return this.#failures.text;
  }

  /** When {@linkcode settle} has something to do, on the clock's monotonic time. */
  get dueMs(): number {
    return this.#relists.dueMs;
  }

  /** The changes since the last call. */
  take(): ContainerChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    this.#fresh.clear();
    return changes;
  }

  /** A notification named this path: a directory made, removed, or either. */
  hint(path: string, kind: HintKind): void {
    const [at, name] = this.#locate(path);
    // Before the first listing there is nothing to compare with.
    if (at < 0 || name === ROOT || !this.#nodes.has(ROOT)) return;
    // Others may be created or removed beside it, of which nothing is reported.
    this.#touch(parentOf(name));
    if (kind === "remove") this.#leaveUnseen(at, name);
    const isThere = this.#look(at, name);
    if (!this.#removalsCount || kind === "rename") return;
    const node = this.#nodes.get(name);
    if (node === undefined) this.#heardOfUnknown(at, name, kind);
    else this.#heardOf(node, at, kind, isThere);
  }

  /** A directory was made: one that is not known is looked at before its hint's turn comes, when it may be gone. */
  discover(path: string): void {
    const [at, name] = this.#locate(path);
    if (at >= 0 && this.#nodes.has(ROOT) && !this.#nodes.has(name)) {
      this.#look(at, name);
    }
  }

  /** The container that has a directory with this path. */
  nameOf(path: string): CgroupName | undefined {
    const [at, name] = this.#locate(path);
    return at >= 0 && this.#nodes.has(name) ? name : undefined;
  }

  /** Looks whether a container is still there. */
  check(name: CgroupName): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    for (const at of this.#hierarchies.keys()) this.#look(at, name);
  }

  /** Lists the directory at a path a while later: nothing reports what happens in it. */
  listLater(path: string): void {
    const name = this.nameOf(path);
    if (name !== undefined) this.#relists.retry(name);
  }

  /** Lists what is due. */
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

  #comparisonOf({ touches, isLast }: Relist): Comparison {
    if (!this.#failures.isEmpty) return "inodes";
    return isLast || touches >= MANY_TOUCHES ? "names" : "number";
  }

  /** Lists each directory whose number of children is another than that of those known. */
  *sweep(): Generator<void> {
    for (const [name, { children }] of [...this.#nodes]) {
      if (children.size > 0) yield* this.#relist(name, "number");
      yield* this.settle();
    }
  }

  /** Compares everything known with the listing, or what is known of one hierarchy. */
  *reconcile(hierarchy?: number): Generator<void> {
    const isFirst = !this.#nodes.has(ROOT);
    if (isFirst) this.#addRoot();
    const names = new Set(this.#nodes.keys());
    // At first there is much to find: it comes up later in the same loop.
    if (isFirst) this.#listedLater = names;
    try {
      for (const name of names) {
        yield* this.#relist(name, "inodes", hierarchy);
        // In a storm, what is new would be gone before this ends.
        yield* this.settle();
      }
    } finally {
      // Also where nobody asks for the rest.
      this.#listedLater = undefined;
    }
    if (hierarchy !== undefined) return;
    this.#justGone.forget();
    this.#changes.push({ type: "listed" });
  }

  /** In which hierarchy a directory is, −1 for none, and whose it is. */
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
    const root = this.#newNode(ROOT);
    for (const at of this.#hierarchies.keys()) {
      root.inodes[at] = this.#stat(at, ROOT)?.inode ?? UNSEEN;
    }
    this.#tellAdd(ROOT, root.tally, undefined);
  }

  #newNode(name: CgroupName): Node {
    const node = {
      name,
      inodes: this.#hierarchies.map(() => UNSEEN),
      tally: this.#justGone.take(name) ?? this.#newTally(),
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
   * The directory of a container in a hierarchy. Where the kernel does not say
   * (EIO, EACCES) it is taken to be as it was: one that cannot be looked at is
   * not gone, and the others are followed on.
   */
  #stat(at: number, name: CgroupName): DirectoryStat | undefined {
    const path = this.#path(at, name);
    try {
      const stat = this.fs.statDirectory(path);
      this.#failures.end(path, stat === undefined);
      return stat;
    } catch (error) {
      this.#failures.begin(path, error);
      this.#relists.retry(name === ROOT ? ROOT : parentOf(name));
      const inode = this.#nodes.get(name)?.inodes[at] ?? UNSEEN;
      if (inode <= 0) return undefined;
      return { inode, links: NaN, modifiedMs: undefined };
    }
  }

  /** Names of what is in it; none where they cannot be read (EMFILE), and it is listed again. */
  #list(at: number, name: CgroupName): string[] {
    const path = this.#path(at, name);
    try {
      const names = this.fs.subdirectories(path);
      this.#failures.endListing(path, names);
      return names;
    } catch (error) {
      this.#failures.beginListing(path, error);
      this.#relists.retry(name);
      return [];
    }
  }

  /** Something happened in a directory: it is listed again soon. */
  #touch(name: CgroupName): void {
    if (this.#nodes.has(name)) this.#relists.touch(name);
  }

  /** Sees whether `name` is in a hierarchy, and what that means; returns whether it is. */
  #look(at: number, name: CgroupName): boolean {
    const stat = this.#stat(at, name);
    const node = this.#nodes.get(name);
    if (stat === undefined) {
      if (node !== undefined && hasInode(node, at)) this.#lose(node, at);
      return false;
    }
    if (node === undefined) return this.#add(at, name, stat);
    if (node.inodes[at] === stat.inode) return true;
    // In another container of its parent's name it is another, too.
    if (name !== ROOT) this.#look(at, parentOf(name));
    if (
      this.#nodes.get(name) !== node || node.inodes[at] === stat.inode
    ) return this.#look(at, name);
    // Before what is below it is looked for elsewhere: that would be another's.
    if (this.#wasReplaced(node, at)) {
      this.#gone(node);
      return this.#add(at, name, stat);
    }
    this.#leave(node, at);
    this.#tellUpdate(name);
    this.#show(node, at, stat);
    return true;
  }

  /** Notes where a container shows, and lists what is below it: of what was created before it was watched nothing is reported. */
  #show(node: Node, at: number, stat: DirectoryStat): void {
    node.inodes[at] = stat.inode;
    if (this.#listedLater === undefined) this.#touch(node.name);
    if (stat.links === 2) return;
    if (this.#listedLater?.add(node.name) === undefined) {
      for (const _ of this.#listOne(at, node.name, "number")) {
        /* All at once. */
      }
    }
  }

  /** At first a container is looked for in all hierarchies at once, so that nothing of it need be looked at again. */
  #showElsewhere(node: Node, parent: Node): void {
    for (const at of this.#hierarchies.keys()) {
      if (node.inodes[at] !== UNSEEN || !hasInode(parent, at)) continue;
      const stat = this.#stat(at, node.name);
      if (stat !== undefined) this.#show(node, at, stat);
    }
  }

  #add(at: number, name: CgroupName, stat: DirectoryStat): boolean {
    const parentName = parentOf(name);
    if (!this.#look(at, parentName)) return false;
    const parent = this.#nodes.get(parentName);
    if (parent === undefined) return false;
    // The parent may have found it already, being new itself.
    if (this.#nodes.has(name)) return this.#look(at, name);
    parent.children.add(name);
    const node = this.#newNode(name);
    this.#tellAdd(name, node.tally, stat.modifiedMs);
    this.#show(node, at, stat);
    if (this.#listedLater !== undefined) this.#showElsewhere(node, parent);
    return true;
  }

  /** Tells of those that came and went before one that is there. */
  #heardOf(node: Node, at: number, kind: HintKind, isThere: boolean): void {
    const { name, tally } = node;
    tally.hear(at, kind === "create");
    if (kind === "create") tally.limit(at);
    // Where it left one hierarchy only, the others will tell.
    if (!isThere) return;
    while (tally.deletes < tally.ended(at)) {
      this.#tellDelete(name, tally);
      const createdMs = this.#stat(at, name)?.modifiedMs;
      this.#tellAdd(name, tally, createdMs);
    }
  }

  /** Tells of those that the kernel told of, and that were gone before we could look. */
  #heardOfUnknown(at: number, name: CgroupName, kind: HintKind): void {
    const tally = this.#justGone.take(name) ?? this.#newTally();
    tally.hear(at, kind === "create");
    this.#justGone.keep(name, tally);
    if (tally.adds >= tally.begun(at)) return;
    for (const other of this.#hierarchies.keys()) {
      if (this.#look(other, name)) return;
      // It may be there: it is told when it can be looked at.
      if (this.#failures.has(this.#path(other, name))) return;
    }
    while (tally.adds < tally.begun(at)) {
      this.#tellAdd(name, tally, undefined);
      this.#tellDelete(name, tally);
    }
  }

  #newTally(): Tally {
    return new Tally(this.#hierarchies.length);
  }

  #tellAdd(
    name: CgroupName,
    tally: Tally,
    createdMs: number | undefined,
  ): void {
    tally.adds++;
    this.#fresh.add(name);
    this.#changes.push({ type: "add", name, createdMs });
  }

  /** One is enough, where many hierarchies tell of it. */
  #tellUpdate(name: CgroupName): void {
    if (this.#fresh.has(name)) return;
    this.#fresh.add(name);
    this.#changes.push({ type: "update", name });
  }

  #tellDelete(name: CgroupName, tally: Tally): void {
    tally.deletes++;
    this.#fresh.delete(name);
    this.#changes.push({ type: "delete", name });
  }

  /** Takes a container out of one hierarchy, and away if that was the last. */
  #lose(node: Node, at: number): void {
    this.#leave(node, at);
    if (!this.#isAnywhere(node)) {
      // It may show in a hierarchy whose notification is still to come.
      for (const [other, inode] of node.inodes.entries()) {
        if (inode !== UNSEEN) continue;
        const stat = this.#stat(other, node.name);
        if (stat === undefined) continue;
        this.#look(other, parentOf(node.name));
        if (this.#nodes.get(node.name) !== node) return;
        this.#show(node, other, stat);
      }
    }
    if (this.#nodes.get(node.name) !== node) return;
    if (!this.#isAnywhere(node)) this.#gone(node);
    else this.#tellUpdate(node.name);
  }

  /** Takes it and what is below it out of one hierarchy. */
  #leave(node: Node, at: number): void {
    if (!hasInode(node, at)) return;
    node.inodes[at] = LEFT;
    for (const name of node.children) {
      const child = this.#nodes.get(name);
      if (child !== undefined && hasInode(child, at)) this.#lose(child, at);
    }
  }

  /** A removal of the container that is known, where it was never seen: it was there before we looked. */
  #leaveUnseen(at: number, name: CgroupName): void {
    const node = this.#nodes.get(name);
    if (node?.inodes[at] !== UNSEEN) return;
    if (node.tally.ended(at) + 1 >= node.tally.adds) node.inodes[at] = LEFT;
  }

  #isAnywhere(node: Node): boolean {
    return node.inodes.some((inode) => inode > 0);
  }

  /**
   * Whether the directory that shows in a hierarchy, not the one that a
   * container had there, is another container's. It is the same container's
   * where that still lives elsewhere, or went from everywhere else before it
   * was first seen here.
   */
  #wasReplaced(node: Node, at: number): boolean {
    let replaced = node.inodes[at] !== UNSEEN;
    for (const [other, inode] of node.inodes.entries()) {
      if (other === at || inode <= 0) continue;
      const stat = this.#stat(other, node.name);
      if (stat?.inode === inode) return false;
      if (stat !== undefined) replaced = true;
    }
    return replaced;
  }

  #gone(node: Node): void {
    for (const name of node.children) {
      const child = this.#nodes.get(name);
      if (child !== undefined) this.#gone(child);
    }
    this.#nodes.delete(node.name);
    this.#relists.forget(node.name);
    this.#nodes.get(parentOf(node.name))?.children.delete(node.name);
    this.#tellDelete(node.name, node.tally);
    this.#justGone.keep(node.name, node.tally);
  }

  /** Brings a directory and its children up to date, in every hierarchy or in one. */
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
      // A hierarchy that could not be looked at when the others were.
      else if (name === ROOT) this.#look(at, ROOT);
    }
  }

  *#listOne(at: number, name: CgroupName, by: Comparison): Generator<void> {
    const stat = this.#stat(at, name);
    if (stat?.inode !== this.#nodes.get(name)?.inodes[at]) {
      // Another directory, or none.
      this.#look(at, name);
      return;
    }
    if (stat === undefined) return;
    const known = [...this.#nodes.get(name)?.children ?? []]
      .filter((child) => this.#isKnown(at, child));
    // Two links are "." and the parent's, the others are those below.
    const below = stat.links - 2;
    const isCounted = by === "number" || this.#listedLater !== undefined ||
      (by === "names" && below === 0);
    if (isCounted && known.length === below) return;
    if (by === "inodes") {
      let there = 0;
      for (const child of known) {
        if (this.#look(at, child)) there++;
        yield;
      }
      if (there === below && this.#failures.isEmpty) return;
    }
    const found = new Set(
      this.#list(at, name).map((base) => childOf(name, base)),
    );
    for (const child of known) {
      if (found.delete(child)) continue;
      this.#look(at, child);
      yield;
    }
    for (const child of found) {
      this.#look(at, child);
      yield;
    }
  }

  #isKnown(at: number, name: CgroupName): boolean {
    const node = this.#nodes.get(name);
    return node !== undefined && hasInode(node, at);
  }
}

function hasInode({ inodes }: Node, at: number): boolean {
  return (inodes[at] ?? UNSEEN) > 0;
}
