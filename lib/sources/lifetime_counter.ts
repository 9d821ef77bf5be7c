/**
 * Counts the containers of one name, by notifications and by reported changes.
 *
 * The kernel sends two notifications per lifetime and hierarchy, for creation
 * and removal; but `Deno.watchFs` reports a creation as a removal if the
 * directory is gone by then. So notifications of any kind are counted, two per
 * lifetime. A certain creation corrects the count after a loss.
 */
export class LifetimeCounter {
  adds = 0;
  deletes = 0;
  readonly #notifications: number[];

  constructor(hierarchies: number) {
    this.#notifications = new Array(hierarchies).fill(0);
  }

  /** `isCreation` if it is certainly a creation. */
  recordNotification(at: number, isCreation: boolean): void {
    let count = this.#count(at) + 1;
    if (isCreation && count % 2 === 0) count++;
    this.#notifications[at] = count;
  }

  /** Limits a hierarchy's lifetimes to those reported. */
  limit(at: number): void {
    this.#notifications[at] = Math.min(this.#count(at), 2 * this.adds - 1);
  }

  /** Returns the lifetimes that started in a hierarchy. */
  begun(at: number): number {
    return Math.ceil(this.#count(at) / 2);
  }

  /** Returns the lifetimes that ended in a hierarchy. */
  ended(at: number): number {
    return Math.floor(this.#count(at) / 2);
  }

  #count(at: number): number {
    return this.#notifications[at] ?? 0;
  }
}
