import { join } from "@std/path";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import {
  defined,
  fieldsOf,
  parsedFields,
  podOf,
  textOf,
  timeOf,
} from "./json_fields.ts";
import type { RuntimeFiles } from "./runtime_files.ts";

/** Where a container's state is in the storage that podman and CRI-O share. */
export interface StoredContainer {
  /** `overlay-containers`, or the same of another driver. */
  readonly directory: string;
  /** What podman says of it; undefined of a container that is not its own. */
  readonly facts?: ContainerMetadata;
}

/** The list is of all containers: in a storm it is not read for each of them. */
const LIST_AGE_MS = 100;

const LISTS = ["containers.json", "volatile-containers.json"];

interface ReadList {
  readonly readMs: number;
  readonly entries: Promise<ReadonlyMap<string, StoredContainer>>;
}

/** Reads `<driver>-containers/containers.json` of `containers/storage`. */
export class ContainerStorage {
  readonly #files: RuntimeFiles;
  readonly #now: () => number;
  readonly #lists = new Map<string, ReadList>();

  constructor(files: RuntimeFiles, now: () => number) {
    this.#files = files;
    this.#now = now;
  }

  /** A container of the storage at `root`; undefined where there is none of that id. */
  async find(root: string, id: string): Promise<StoredContainer | undefined> {
    const nowMs = this.#now();
    for (const [path, { readMs }] of this.#lists) {
      if (nowMs - readMs >= LIST_AGE_MS) this.#lists.delete(path);
    }
    let list = this.#lists.get(root);
    if (list === undefined) {
      list = { readMs: nowMs, entries: this.#read(root) };
      this.#lists.set(root, list);
    }
    return (await list.entries).get(id);
  }

  async #read(root: string): Promise<ReadonlyMap<string, StoredContainer>> {
    const stored = new Map<string, StoredContainer>();
    for (const directory of await this.#files.list(root)) {
      if (!directory.endsWith("-containers")) continue;
      for (const list of LISTS) {
        const path = join(root, directory, list);
        const entries = await this.#files.json(path);
        if (!Array.isArray(entries)) continue;
        for (const entry of entries) {
          const facts = podmanFacts(entry);
          if (facts !== undefined) stored.set(facts.id, { directory, facts });
        }
      }
    }
    return stored;
  }
}

/**
 * The facts of a container by its entry in `containers.json`; undefined where
 * it has no id. Labels and restarts are in podman's data base alone.
 *
 * ```json
 * {"id":"6d13…","names":["web"],"metadata":"{\"image-name\":\"nginx:1\",\"name\":\"web\"}","created":"2026-11-23T06:46:22.6Z"}
 * ```
 */
export function podmanFacts(entry: unknown): ContainerMetadata | undefined {
  const fields = fieldsOf(entry);
  const id = textOf(fields["id"]);
  if (id === undefined) return undefined;
  const metadata = parsedFields(textOf(fields["metadata"]));
  const [name] = Array.isArray(fields["names"]) ? fields["names"] : [];
  return defined<ContainerMetadata>({
    runtime: "podman",
    id,
    name: textOf(name) ?? textOf(metadata["name"]),
    image: textOf(metadata["image-name"]),
    pod: podOf(metadata),
    createdMs: timeOf(fields["created"]),
  });
}
