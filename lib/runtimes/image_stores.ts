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

/** What {@linkcode ImageStores} stand on. */
export interface ImageStoresOptions {
  readonly files: RuntimeFiles;
  readonly clock: Clock;
  readonly overrides: RootOverrides;
  /** The engine that names its own directory, whichever its command line and its files do. */
  readonly docker: Pick<DockerEngine, "exists" | "dataRoot">;
}

/** They seldom change. */
const AGE_MS = 60_000;
/** As long as the first answer may take; it is taken later where it takes longer. */
const FIRST_WAIT_MS = 500;

/** The directories where Docker and CRI-O keep images, by cAdvisor's labels. */
export class ImageStores {
  readonly #options: ImageStoresOptions;
  #known: readonly ImageStore[] | undefined;
  #readMs = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: ImageStoresOptions) {
    this.#options = options;
  }

  /** Where they are now, as far as that is known; it never takes long. */
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

  /** Undefined where Docker does not answer: its files then have to do. */
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
