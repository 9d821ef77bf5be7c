import type { ScrapeRequest } from "../../lib/model/scrape.ts";

/** Answers every scrape with the same text, and remembers what it was asked. */
export class FakeMetrics {
  readonly asked: ScrapeRequest[] = [];

  scrape(request: ScrapeRequest): Promise<Iterable<string>> {
    this.asked.push(request);
    return Promise.resolve(["a 1\n", "b 2\n"]);
  }

  resource(): Promise<Iterable<string>> {
    return Promise.resolve(["c 3\n"]);
  }
}
