import type { RowBuilder } from "../../model/sample.ts";
import type { FileParser } from "../cgroup/cgroup_file.ts";
import type { HostFs } from "../host_fs.ts";
import {
  parseNetDev,
  parseTcpCounters,
  parseTcpSockets,
  parseUdpSockets,
} from "./network_files.ts";

/** 27,000 sockets; the kernel takes 20 ms to print them. Of more nothing is told. */
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

/** The network of a process, from `/proc/<pid>/net`. */
export class NetworkStatsReader {
  readonly #fs: HostFs;
  readonly #files: readonly NetworkFile[];
  #host: number | undefined;

  constructor(fs: HostFs, kinds: ReadonlySet<string>) {
    this.#fs = fs;
    this.#files = FILES.filter(({ kind }) => kinds.has(kind));
  }

  /** Whether any kind of it is on. */
  get collects(): boolean {
    return this.#files.length > 0;
  }

  /** Whether a process has a network that is not the host's; false where that cannot be told. */
  isOwn(pid: number): boolean {
    this.#host ??= this.#networkOf(1);
    const own = this.#networkOf(pid);
    return own !== undefined && this.#host !== undefined && own !== this.#host;
  }

  /**
   * Puts the numbers of a process's network into the row. The files are opened
   * each time: an open one would keep a dead container's network alive.
   *
   * @throws {KernfsSyntaxError} the first, when the other files are read
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
   * Tells networks apart: each has files of its own in `/proc`, and other than
   * `/proc/<pid>/ns/net` these may be looked at without the right to trace the
   * process.
   */
  #networkOf(pid: number): number | undefined {
    return this.#fs.inodeAt(this.#fs.path(`/proc/${pid}/net/dev`));
  }
}
