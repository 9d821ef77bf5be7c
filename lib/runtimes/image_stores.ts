import { join } from "@std/path";
import type { ImageStore } from "../filesystems/filesystems.ts";
import { type Clock, sleep } from "../model/clock.ts";
import type { DockerEngine } from "./docker_engine.ts";
import type { RuntimeFiles } from "./runtime_files.ts";
import {
  readRuntimeRoots,
  type RootOverrides,
  type RuntimeRoots,
} from "./runtime_roots.ts";

/** Dependencies. */
export interface ImageStoresOptions {
  readonly files: RuntimeFiles;
  readonly clock: Clock;
  readonly overrides: RootOverrides;
  /** Reports the data root in use, set by command line or file. */
  readonly docker: Pick<DockerEngine, "exists" | "dataRoot">;
}

const AGE_MS = 60_000;
/** Slower results appear in later lists. */
const FIRST_WAIT_MS = 500;

/** Image directories of Docker and CRI-O, with cAdvisor's labels. */
export class ImageStores {
  readonly #options: ImageStoresOptions;
  #known: readonly ImageStore[] | undefined;
  #readMs = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: ImageStoresOptions) {
    this.#options = options;
  }

  /** Returns the known directories, within 500 ms. */
  async list(): Promise<readonly ImageStore[]> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#readMs >= AGE_MS) {
      this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    }
    if (this.#readMs === -Infinity && this.#reading !== undefined) {
      const timer = new AbortController();
      await Promise.race([
        this.#reading,
        sleep(clock, FIRST_WAIT_MS, timer.signal),
      ]);
      timer.abort();
    }
    return this.#known ?? [];
  }

  async #read(): Promise<void> {
    const { files, clock, overrides } = this.#options;
    const roots = await readRuntimeRoots(files, overrides);
    this.#known ??= storesOf(roots);
    const { dockerRoot } = overrides;
    const dataRoot = dockerRoot === undefined
      ? await this.#dataRoot()
      : undefined;
    this.#known = storesOf(
      dataRoot === undefined
        ? roots
        : { ...roots, docker: [dataRoot, ...roots.docker] },
    );
    this.#readMs = clock.monotonic();
  }

  /** Returns `undefined` without a response: paths from Docker's files apply. */
  async #dataRoot(): Promise<string | undefined> {
    const { docker } = this.#options;
    try {
      return await docker.exists() ? await docker.dataRoot() : undefined;
    } catch {
      return undefined;
    }
  }
}

function storesOf({ docker, storage }: RuntimeRoots): ImageStore[] {
  return [
    {
      label: "docker-images",
      directories: docker.flatMap((root) => [join(root, "overlay2"), root]),
    },
    {
      label: "crio-images",
      directories: storage.map((root) => join(root, "overlay-images")),
    },
    {
      label: "crio-containers",
      directories: storage.map((root) => join(root, "overlay-containers")),
    },
  ];
}
