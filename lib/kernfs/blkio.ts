import type { IoKind, RowBuilder } from "../model/sample.ts";
import type { FileParser } from "./cgroup_file.ts";
import type { ControlFile } from "./control_file.ts";
import type { HostFs } from "./host_fs.ts";
import { BLKIO_FAMILIES, parseBlkio } from "./io_files.ts";

const COLON = 0x3a;

interface BlkioFile {
  readonly control: ControlFile;
  readonly parse: FileParser;
}

/** v1's I/O counts of one cgroup, from the family of files that counts. */
export class BlkioFiles {
  readonly #fs: HostFs;
  readonly #families: readonly (readonly BlkioFile[])[];
  #chosen: readonly BlkioFile[] | undefined;

  constructor(fs: HostFs, directory: string) {
    this.#fs = fs;
    this.#families = BLKIO_FAMILIES.map((family) =>
      Object.entries(family).map(([kind, file]) => ({
        control: fs.controlFile(`${directory}/${file}`),
        parse: parseBlkio(kind as IoKind),
      }))
    );
  }

  /** Puts the counts into the row. */
  read(builder: RowBuilder): void {
    this.#chosen ??= this.#families.find(([first]) => this.#counts(first));
    for (const { control, parse } of this.#chosen ?? []) {
      const length = control.read();
      if (length >= 0) parse(this.#fs.bytes, length, builder, control.path);
    }
  }

  /** Looks for missing files at the next read again. */
  recheck(): void {
    for (const { control } of this.#families.flat()) control.recheck();
  }

  /** Lets go of the descriptors. */
  close(): void {
    for (const { control } of this.#families.flat()) control.close();
  }

  /** Whether a file names a disk: `8:0 Read 4096`. */
  #counts(file: BlkioFile | undefined): boolean {
    const length = file?.control.read() ?? -1;
    if (length < 0) return false;
    // Not beyond: looking through the whole buffer took a quarter of a sample.
    return this.#fs.bytes.subarray(0, length).includes(COLON);
  }
}
