import type { Manager } from "../../lib/manager/manager.ts";
import type { OpenManagerOptions } from "../../lib/open_manager.ts";
import { ManagedApi } from "./managed_api.ts";
import { unpack } from "./recorded_tree.ts";
import { TestCgroup } from "./test_cgroup.ts";

const BASE = new URL("../testdata/hosts/composed-v2.txt", import.meta.url);

/** Files by their path below the root; a directory ends with `/`, and null removes it. */
export type HostFiles = Readonly<Record<string, string | null>>;

/**
 * A small cgroup v2 host with a cgroup `/web` and the files of a case, with a
 * real manager and its API.
 */
export class SmallHost implements AsyncDisposable {
  readonly root: TestCgroup = TestCgroup.create();
  readonly #api: ManagedApi;

  private constructor(files: HostFiles, options: OpenManagerOptions) {
    const { root } = this;
    unpack(root, Deno.readTextFileSync(BASE), "");
    for (const [path, text] of Object.entries(files)) {
      if (text === null) {
        Deno.removeSync(`${root.path}/${path}`, { recursive: true });
      } else if (path.endsWith("/")) root.child(path.slice(0, -1));
      else root.file(path, text);
    }
    this.#api = new ManagedApi(root.path, { nodeName: "small", ...options });
  }

  get manager(): Manager {
    return this.#api.manager;
  }

  /** Starts the manager; resolves when all containers are listed. */
  static async start(
    files: HostFiles = {},
    options: OpenManagerOptions = {},
  ): Promise<SmallHost> {
    const host = new SmallHost(files, options);
    await host.manager.start();
    return host;
  }

  /** Sends a request for a path. */
  fetch(path: string): Promise<Response> {
    return this.#api.fetch(path);
  }

  /** Returns the JSON of a response, with any status. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    return await (await this.fetch(path)).json();
  }

  /** Returns a container with a new sample, in v2.1 format. */
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
