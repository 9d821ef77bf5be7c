/**
 * How many containers of one name there were, by what the kernel told and by
 * what we did.
 *
 * The kernel tells of a life twice in each hierarchy, of its creation and of
 * its removal; but a creation is given to us as a removal where the directory
 * is gone by then. So notifications are counted, two for a life, whatever
 * they say. One that cannot be but a creation sets right what was lost.
 */
export class Tally {
  /** Creations that we told. */
  adds = 0;
  /** Deletions that we told. */
  deletes = 0;
  readonly #notifications: number[];

  constructor(hierarchies: number) {
    this.#notifications = new Array(hierarchies).fill(0);
  }

  /** Counts a notification of a hierarchy; `isCreation` where it is one for certain. */
  hear(at: number, isCreation: boolean): void {
    let heard = this.#heard(at) + 1;
    if (isCreation && heard % 2 === 0) heard++;
    this.#notifications[at] = heard;
  }

  /** The last life that a hierarchy told of is not a later one than the last that we told of. */
  limit(at: number): void {
    this.#notifications[at] = Math.min(this.#heard(at), 2 * this.adds - 1);
  }

  /** Lives that began, as a hierarchy tells. */
  begun(at: number): number {
    return Math.ceil(this.#heard(at) / 2);
  }

  /** Lives that ended, as a hierarchy tells. */
  ended(at: number): number {
    return Math.floor(this.#heard(at) / 2);
  }

  #heard(at: number): number {
    return this.#notifications[at] ?? 0;
  }
}
