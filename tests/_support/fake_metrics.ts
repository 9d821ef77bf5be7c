import type { ScrapeRequest } from "../../lib/model/scrape.ts";

const encoder = new TextEncoder();

type Chunks = Promise<Iterable<Uint8Array<ArrayBuffer>>>;

/** Returns the same text for every scrape, and records its calls. */
export class FakeMetrics {
  readonly asked: ScrapeRequest[] = [];

  scrape(request: ScrapeRequest): Chunks {
    this.asked.push(request);
    return Promise.resolve(
      ["a 1\n", "b 2\n"].map((text) => encoder.encode(text)),
    );
  }

  resource(): Chunks {
    return Promise.resolve([encoder.encode("c 3\n")]);
  }
}
