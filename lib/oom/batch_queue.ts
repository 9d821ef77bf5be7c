/** What was given since it was last asked for: one side adds, the other takes all of it at once. */
export class BatchQueue<T> {
  readonly #limit: number;
  #items: T[] = [];
  #closed = false;
  #added: PromiseWithResolvers<void> | undefined;
  #taken: PromiseWithResolvers<void> | undefined;

  /** @param limit with more items than this, {@linkcode BatchQueue.room} waits */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds an item; none after the queue was closed. */
  add(item: T): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#added?.resolve();
  }

  /** Resolves when there is room for more, or the queue was closed. */
  async room(): Promise<void> {
    while (this.#items.length > this.#limit && !this.#closed) {
      this.#taken = Promise.withResolvers();
      await this.#taken.promise;
    }
  }

  /** Ends the batches, after what was added before. */
  close(): void {
    this.#closed = true;
    this.#added?.resolve();
    this.#taken?.resolve();
  }

  /** Yields what was added, never an empty batch, until the queue is closed. */
  async *batches(): AsyncGenerator<T[], void, unknown> {
    for (;;) {
      while (this.#items.length > 0) {
        const batch = this.#items;
        this.#items = [];
        this.#taken?.resolve();
        yield batch;
      }
      if (this.#closed) return;
      this.#added = Promise.withResolvers();
      await this.#added.promise;
    }
  }
}
