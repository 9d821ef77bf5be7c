import { EventStreams } from "../../lib/api/event_stream.ts";
import { createHandler } from "../../lib/api/routes.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import {
  openManager,
  type OpenManagerOptions,
} from "../../lib/open_manager.ts";
import { FakeMetrics } from "./fake_metrics.ts";
import { unpack } from "./recorded_tree.ts";
import { TestCgroup } from "./test_cgroup.ts";

const BASE = new URL("../testdata/hosts/composed-v2.txt", import.meta.url);

/** Files by their path below the root; a directory ends with `/`, and null takes away what is there. */
export type HostFiles = Readonly<Record<string, string | null>>;

/**
 * A small cgroup v2 host with a cgroup `/web`, and what a case lays over it:
 * a real manager runs on it, and is asked over the API.
 */
export class SmallHost implements AsyncDisposable {
  readonly root: TestCgroup = TestCgroup.create();
  readonly manager: Manager;
  readonly #handle: (request: Request) => Promise<Response>;

  private constructor(files: HostFiles, options: OpenManagerOptions) {
    const { root } = this;
    unpack(root, Deno.readTextFileSync(BASE), "");
    for (const [path, text] of Object.entries(files)) {
      if (text === null) {
        Deno.removeSync(`${root.path}/${path}`, { recursive: true });
      } else if (path.endsWith("/")) root.child(path.slice(0, -1));
      else root.file(path, text);
    }
    this.manager = openManager({
      root: root.path,
      kmsg: "none",
      nodeName: "small",
      ...options,
    });
    const { events } = this.manager;
    this.#handle = createHandler({
      page: () => Promise.resolve(undefined),
      metrics: new FakeMetrics(),
      questions: this.manager,
      events,
      streams: new EventStreams({ events, clock: systemClock }),
      logger: silentLogger,
      allowPs: "on",
    });
  }

  /** Starts the manager; resolves once all containers are known. */
  static async start(
    files: HostFiles = {},
    options: OpenManagerOptions = {},
  ): Promise<SmallHost> {
    const host = new SmallHost(files, options);
    await host.manager.start();
    return host;
  }

  /** The answer to a path. */
  async ask(path: string): Promise<Response> {
    return await this.#handle(new Request(`http://localhost${path}`));
  }

  /** The JSON of an answer, whatever its status. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    return await (await this.ask(path)).json();
  }

  /** A container with a new sample, in the form of v2.1. */
  // deno-lint-ignore no-explicit-any
  async container(name: string): Promise<any> {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const found = await this.json(`/api/v2.1/stats${path}?max_age=0s`);
    return found[name];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.stop();
    this.root.remove();
  }
}
