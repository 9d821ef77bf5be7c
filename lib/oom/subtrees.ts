import {
  type CgroupName,
  isDescendant,
  parentOf,
  ROOT,
} from "../model/cgroup.ts";
import { knownOf, type OomAccount, readCount, readSubtree } from "./account.ts";

/** The file of cgroup v2 that counts a whole subtree. */
export const SUBTREE_SOURCE = "memory.events";

/**
 * Finds the OOM kills of containers that are gone in the counts of those above
 * them: on cgroup v2, `memory.events` counts the whole subtree, and forgets
 * nothing when a cgroup is removed.
 */
export class OomSubtrees {
  readonly #living: ReadonlyMap<CgroupName, OomAccount>;
  readonly #ended: ReadonlyMap<CgroupName, OomAccount>;

  constructor(
    living: ReadonlyMap<CgroupName, OomAccount>,
    ended: ReadonlyMap<CgroupName, OomAccount>,
  ) {
    this.#living = living;
    this.#ended = ended;
  }

  /**
   * A container has gone, and is among the living no more. What was counted
   * above it, and in none of the others, was its own; unless another has gone
   * as well, of which nobody has heard yet.
   */
  close(name: CgroupName, account: OomAccount): void {
    for (let above = name; above !== ROOT;) {
      above = parentOf(above);
      const parent = this.#living.get(above);
      if (parent === undefined || !readSubtree(parent)) continue;
      if (parent.subtree === parent.balanced) return;
      const { missing, unreadable } = this.#compare(above, parent, account);
      if (missing <= 0) return;
      // One with children has no processes: those above it are no others.
      if (unreadable.every((other) => isDescendant(name, other))) {
        account.counted = account.baseline + knownOf(account) + missing;
        account.source = SUBTREE_SOURCE;
      } else parent.below += missing;
      parent.balanced = parent.subtree;
      return;
    }
  }

  /** Notes what was counted in subtrees, and in nobody who is known. */
  settle(): void {
    // The nearest first: what is known of one is known of those above it.
    const names = [...this.#living.keys()].reverse();
    for (const name of names) this.settleOne(name);
  }

  /** The same of one subtree. */
  settleOne(name: CgroupName): void {
    const account = this.#living.get(name);
    if (account === undefined || !readSubtree(account)) return;
    if (account.subtree === account.balanced && account.below === 0) return;
    const { missing, unreadable } = this.#compare(name, account);
    if (missing < 0) {
      // A record has named one since.
      account.below = Math.max(account.toldBelow, account.below + missing);
    } else if (unreadable.length > 0) {
      // It will soon be known that they are gone, and then more.
      return;
    } else account.below += missing;
    account.balanced = account.subtree;
  }

  /** How many more a subtree counts than is known of those in it, and which of them are gone. */
  #compare(
    name: CgroupName,
    account: OomAccount,
    closing?: OomAccount,
  ): { missing: number; unreadable: CgroupName[] } {
    let missing = account.subtree -
      (closing === undefined ? 0 : knownOf(closing));
    const unreadable: CgroupName[] = [];
    for (const [other, living] of this.#living) {
      if (other !== name && !isDescendant(other, name)) continue;
      // One that has no count never had one: what it does is counted above it.
      if (!readCount(living) && living.source !== "") unreadable.push(other);
      missing -= knownOf(living) + Math.max(living.below, living.toldBelow);
    }
    for (const [other, ended] of this.#ended) {
      if (!isDescendant(other, name) || ended.endedMs < account.openedMs) {
        continue;
      }
      missing -= knownOf(ended) + Math.max(ended.below, ended.toldBelow);
    }
    return { missing, unreadable };
  }
}
