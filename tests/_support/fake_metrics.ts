import type { ScrapeRequest } from "../../lib/model/scrape.ts";

const encoder = new TextEncoder();

type Chunks = Promise<Iterable<Uint8Array<ArrayBuffer>>>;

/** Returns the same text for each scrape, and records the requests. */
export class FakeMetrics {
  readonly calls: ScrapeRequest[] = [];

  scrape(request: ScrapeRequest): Chunks {
    this.calls.push(request);
    return Promise.resolve(
      ["a 1\n", "b 2\n"].map((text) => encoder.encode(text)),
    );
  }

  resource(): Chunks {
    return Promise.resolve([encoder.encode("c 3\n")]);
  }
}
