import type { IoKind, RowBuilder } from "../../model/sample.ts";
import type { FileParser } from "./cgroup_file.ts";
import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { BLKIO_FAMILIES, parseBlkio } from "./io_files.ts";

const COLON = 0x3a;

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

/** Reads v1's I/O counters, from the family in use. */
export class BlkioFiles {
  readonly #fs: HostFs;
  readonly #directory: string;
  /** First file of each family. */
  readonly #firsts: (ControlFile | undefined)[] = [];
  #chosen: readonly BlkioFile[] | undefined;

  constructor(fs: HostFs, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
  }

  read(builder: RowBuilder): void {
    this.#chosen ??= this.#choose();
    for (const { control, parse } of this.#chosen ?? []) {
      const length = control.read();
      if (length >= 0) parse(this.#fs.bytes, length, builder, control.path);
    }
  }

  recheck(): void {
    for (const control of this.#firsts) control?.recheck();
    for (const { control } of this.#chosen ?? []) control.recheck();
  }

  close(): void {
    for (const control of this.#firsts) control?.close();
    for (const { control } of this.#chosen ?? []) control.close();
  }

  #choose(): BlkioFile[] | undefined {
    for (const [at, [head, ...rest]] of FAMILIES.entries()) {
      if (head === undefined) continue;
      const first = this.#firsts[at] ??= this.#controlFile(head.file);
      if (!this.#hasDisk(first)) continue;
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

  /** Whether a file lists a disk: `8:0 Read 4096`. */
  #hasDisk(control: ControlFile): boolean {
    const length = control.read();
    if (length < 0) return false;
    // Searching the whole buffer took a quarter of a sample's time.
    return this.#fs.bytes.subarray(0, length).includes(COLON);
  }
}
