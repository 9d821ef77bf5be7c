import type { RowBuilder } from "../model/sample.ts";
import { BLKIO_FAMILIES, parseBlkio } from "./cgroup_files.ts";
import type { ControlFile, HostFs } from "./host_fs.ts";

const parseServiceBytes = parseBlkio("serviceBytes");
const parseServiced = parseBlkio("serviced");

const COLON = 0x3a;

interface Family {
  readonly bytes: ControlFile;
  readonly operations: ControlFile;
}

/** v1's I/O counts of one cgroup, from the family of files that counts. */
export class BlkioFiles {
  readonly #fs: HostFs;
  readonly #families: readonly Family[];
  #chosen: Family | undefined;

  constructor(fs: HostFs, directory: string) {
    this.#fs = fs;
    this.#families = BLKIO_FAMILIES.map(([bytes, operations]) => ({
      bytes: fs.controlFile(`${directory}/${bytes}`),
      operations: fs.controlFile(`${directory}/${operations}`),
    }));
  }

  /** Puts the counts into the row. */
  read(builder: RowBuilder): void {
    this.#chosen ??= this.#families.find(({ bytes }) => this.#counts(bytes));
    if (this.#chosen === undefined) return;
    const { bytes, operations } = this.#chosen;
    const length = bytes.read();
    if (length >= 0) {
      parseServiceBytes(this.#fs.bytes, length, builder, bytes.path);
    }
    const count = operations.read();
    if (count >= 0) {
      parseServiced(this.#fs.bytes, count, builder, operations.path);
    }
  }

  /** Looks for missing files at the next read again. */
  recheck(): void {
    for (const { bytes, operations } of this.#families) {
      bytes.recheck();
      operations.recheck();
    }
  }

  /** Lets go of the descriptors. */
  close(): void {
    for (const { bytes, operations } of this.#families) {
      bytes.close();
      operations.close();
    }
  }

  /** Whether a file names a disk: `8:0 Read 4096`. */
  #counts(file: ControlFile): boolean {
    const length = file.read();
    if (length < 0) return false;
    const colon = this.#fs.bytes.indexOf(COLON);
    return colon >= 0 && colon < length;
  }
}
