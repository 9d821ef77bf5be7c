import type { RowBuilder } from "../../model/sample.ts";
import type { FileParser } from "../cgroup/cgroup_file.ts";
import type { HostFs } from "../host_fs.ts";
import {
  parseNetDev,
  parseTcpCounters,
  parseTcpSockets,
  parseUdpSockets,
} from "./network_files.ts";

/** Larger files are skipped: 27,000 sockets, printed in 20 ms. */
const MAX_BYTES = 4 * 1024 * 1024;

interface NetworkFile {
  readonly file: string;
  readonly kind: string;
  readonly parse: FileParser;
}

const FILES: readonly NetworkFile[] = [
  { file: "dev", kind: "network", parse: parseNetDev },
  { file: "tcp", kind: "tcp", parse: parseTcpSockets("tcp") },
  { file: "tcp6", kind: "tcp", parse: parseTcpSockets("tcp6") },
  { file: "udp", kind: "udp", parse: parseUdpSockets("udp") },
  { file: "udp6", kind: "udp", parse: parseUdpSockets("udp6") },
  { file: "snmp", kind: "advtcp", parse: parseTcpCounters("Tcp: ") },
  { file: "netstat", kind: "advtcp", parse: parseTcpCounters("TcpExt: ") },
];

/** Reads network counters from `/proc/<pid>/net`. */
export class NetworkStatsReader {
  readonly #fs: HostFs;
  readonly #files: readonly NetworkFile[];
  #host: number | undefined;

  constructor(fs: HostFs, kinds: ReadonlySet<string>) {
    this.#fs = fs;
    this.#files = FILES.filter(({ kind }) => kinds.has(kind));
  }

  get collects(): boolean {
    return this.#files.length > 0;
  }

  /** Whether a process has another network namespace than the host. */
  isOwn(pid: number): boolean {
    this.#host ??= this.#networkOf(1);
    const own = this.#networkOf(pid);
    return own !== undefined && this.#host !== undefined && own !== this.#host;
  }

  /**
   * Files are opened per read: an open one would keep a removed container's
   * namespace alive.
   *
   * @throws {KernfsSyntaxError} the first error, after all files are read
   */
  read(builder: RowBuilder, pid: number): void {
    let failure: unknown;
    for (const { file, parse } of this.#files) {
      const path = this.#fs.path(`/proc/${pid}/net/${file}`);
      const length = this.#fs.readOnce(path, MAX_BYTES);
      if (length < 0) continue;
      try {
        parse(this.#fs.bytes, length, builder, path);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /**
   * Identifies the namespace by an inode of its procfs: `/proc/<pid>/ns/net`
   * needs ptrace permission.
   */
  #networkOf(pid: number): number | undefined {
    return this.#fs.inodeAt(this.#fs.path(`/proc/${pid}/net/dev`));
  }
}
