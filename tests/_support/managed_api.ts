import { EventStreams } from "../../lib/api/event_stream.ts";
import { createHandler } from "../../lib/api/routes.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import {
  openManager,
  type OpenManagerOptions,
} from "../../lib/open_manager.ts";
import { pageFile } from "../../lib/web/page.ts";
import { FakeMetrics } from "./fake_metrics.ts";

/** The API of a real manager of the host below `root`, without a socket. */
export class ManagedApi implements AsyncDisposable {
  readonly manager: Manager;
  readonly #handle: (request: Request) => Promise<Response>;

  constructor(root: string, options: OpenManagerOptions = {}) {
    this.manager = openManager({ root, kmsg: "none", ...options });
    const { manager } = this;
    const { events } = manager;
    this.#handle = createHandler({
      metrics: new FakeMetrics(),
      page: pageFile,
      manager,
      events,
      streams: new EventStreams({ events, clock: systemClock }),
      logger: silentLogger,
      allowPs: "on",
    });
  }

  /** Sends a request for a path. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return this.#handle(new Request(`http://localhost${path}`, init));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.stop();
  }
}
