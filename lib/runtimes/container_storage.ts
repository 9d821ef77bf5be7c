import { join } from "@std/path";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { defined } from "../model/defined.ts";
import {
  asObject,
  asString,
  asTimestampMs,
  parseObject,
  podOf,
} from "./json_values.ts";
import type { RuntimeFiles } from "./runtime_files.ts";

/** A container in the storage of Podman and CRI-O. */
export interface StoredContainer {
  /** `overlay-containers`, or that of another driver. */
  readonly directory: string;
  /** Present for Podman's containers. */
  readonly metadata?: ContainerMetadata;
}

/** A burst of containers reads the lists once. */
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
          const metadata = parsePodmanEntry(entry);
          if (metadata !== undefined) {
            stored.set(metadata.id, { directory, metadata });
          }
        }
      }
    }
    return stored;
  }
}

/**
 * Parses an entry of `containers.json`; `undefined` without ID. Labels and
 * restart counts are only in Podman's database.
 *
 * ```json
 * {"id":"6d13…","names":["web"],"metadata":"{\"image-name\":\"nginx:1\",\"name\":\"web\"}","created":"2026-11-23T06:46:22.6Z"}
 * ```
 */
export function parsePodmanEntry(
  entry: unknown,
): ContainerMetadata | undefined {
  const fields = asObject(entry);
  const id = asString(fields["id"]);
  if (id === undefined) return undefined;
  const metadata = parseObject(asString(fields["metadata"]));
  const [name] = Array.isArray(fields["names"]) ? fields["names"] : [];
  return defined<ContainerMetadata>({
    runtime: "podman",
    id,
    name: asString(name) ?? asString(metadata["name"]),
    image: asString(metadata["image-name"]),
    pod: podOf(metadata),
    createdMs: asTimestampMs(fields["created"]),
  });
}
