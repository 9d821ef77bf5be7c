import type { IoKind, RowBuilder } from "../../model/sample.ts";
import type { FileParser } from "./cgroup_file.ts";
import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { BLKIO_FAMILIES, parseBlkio } from "./io_files.ts";

const COLON = 0x3a;

/** Files and their parsers, by I/O scheduler; the same for every cgroup. */
const FAMILIES = BLKIO_FAMILIES.map((family) =>
  Object.entries(family).map(([kind, file]) => ({
    file,
    parse: parseBlkio(kind as IoKind),
  }))
);

interface BlkioFile {
  readonly control: ControlFile;
  readonly parse: FileParser;
}

/** v1's I/O counts of one cgroup, from the family of files that counts. */
export class BlkioFiles {
  readonly #fs: HostFs;
  readonly #directory: string;
  /** By the first file of a family it is told whether that counts. */
  readonly #firsts: (ControlFile | undefined)[] = [];
  #chosen: readonly BlkioFile[] | undefined;

  constructor(fs: HostFs, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /** Puts the counts into the row. */
  read(builder: RowBuilder): void {
    this.#chosen ??= this.#choose();
    for (const { control, parse } of this.#chosen ?? []) {
      const length = control.read();
      if (length >= 0) parse(this.#fs.bytes, length, builder, control.path);
    }
  }

  /** Looks for missing files at the next read again. */
  recheck(): void {
    for (const control of this.#firsts) control?.recheck();
    for (const { control } of this.#chosen ?? []) control.recheck();
  }

  /** Lets go of the descriptors. */
  close(): void {
    for (const control of this.#firsts) control?.close();
    for (const { control } of this.#chosen ?? []) control.close();
  }

  #choose(): BlkioFile[] | undefined {
    for (const [at, [head, ...rest]] of FAMILIES.entries()) {
      if (head === undefined) continue;
      const first = this.#firsts[at] ??= this.#controlFile(head.file);
      if (!this.#counts(first)) continue;
      for (const other of this.#firsts) if (other !== first) other?.close();
      return [
        { control: first, parse: head.parse },
        ...rest.map(({ file, parse }) => ({
          control: this.#controlFile(file),
          parse,
        })),
      ];
    }
    return undefined;
  }

  #controlFile(file: string): ControlFile {
    return new ControlFile(this.#fs, `${this.#directory}/${file}`);
  }

  /** Whether a file names a disk: `8:0 Read 4096`. */
  #counts(control: ControlFile): boolean {
    const length = control.read();
    if (length < 0) return false;
    // Not beyond: looking through the whole buffer took a quarter of a sample.
    return this.#fs.bytes.subarray(0, length).includes(COLON);
  }
}
