/**
 * A reference implementation of what the agent reads: regular expressions over
 * whole files, without the agent's code.
 *
 * @module
 */

/** Paths of a container's files. */
export interface PlainPlace {
  /** The host's root directory, without a trailing slash. */
  readonly root: string;
  /** The container's directory by controller; `unified` for v2. */
  readonly directories: ReadonlyMap<string, string>;
}

/** Values by name, or undefined if a file is missing. */
export type Numbers = Record<string, number> | undefined;

/** Position of each field after the interface name. */
const INTERFACE_FIELDS = {
  "rx_bytes": 0,
  "rx_packets": 1,
  "rx_errors": 2,
  "rx_dropped": 3,
  "tx_bytes": 8,
  "tx_packets": 9,
  "tx_errors": 10,
  "tx_dropped": 11,
};

/** The files of one container. */
export class ReferenceCgroup {
  readonly #place: PlainPlace;

  constructor(place: PlainPlace) {
    this.#place = place;
  }

  /** Whether cgroup v2 has the container's controllers. */
  get isV2(): boolean {
    return [...this.#place.directories.keys()].join() === "unified";
  }

  /** Returns a control file, or `undefined` if it is missing. */
  text(controller: string, file: string): string | undefined {
    const { directories } = this.#place;
    const directory = directories.get(controller) ??
      (this.isV2 ? directories.get("unified") : undefined);
    if (directory === undefined) return undefined;
    return readText(`${directory}/${file}`);
  }

  /** Returns a file of the host. */
  host(path: string): string | undefined {
    return readText(`${this.#place.root}${path}`);
  }

  /** Returns the number in a file; `undefined` for `max`. */
  one(controller: string, file: string): number | undefined {
    return toNumber(this.text(controller, file)?.trim());
  }

  /** Returns the value of a key in a flat keyed file. */
  key(controller: string, file: string, key: string): number | undefined {
    const text = this.text(controller, file);
    return toNumber(new RegExp(`^${key} (\\d+)$`, "m").exec(text ?? "")?.[1]);
  }

  /** Returns a line of a pressure file, as in the API. */
  pressure(controller: string, line: "some" | "full"): Numbers {
    const text = this.text("unified", `${controller}.pressure`);
    const match = new RegExp(
      `^${line} avg10=(.*) avg60=(.*) avg300=(.*) total=(.*)$`,
      "m",
    ).exec(text ?? "");
    if (match === null) return undefined;
    const [avg10 = NaN, avg60 = NaN, avg300 = NaN, total = NaN] = match
      .slice(1).map(Number);
    return { total, avg10, avg60, avg300 };
  }

  /** Returns the pages of a kind by node, from `memory.numa_stat`. */
  numa(kind: string, bytesPerPage = 1): Numbers {
    const text = this.text("memory", "memory.numa_stat");
    const line = new RegExp(`^${kind}(?:=\\d+)? (N.*)$`, "m").exec(text ?? "");
    if (line === null) return undefined;
    return Object.fromEntries(
      [...(line[1] as string).matchAll(/N(\d+)=(\d+)/g)].map((
        [, node, pages],
      ) => [node, Number(pages) / bytesPerPage]),
    );
  }

  /**
   * Returns the counters by disk of a v1 file, as in the API, without device
   * names.
   */
  blkio(file: string): unknown {
    const disks = new Map<string, Record<string, number>>();
    for (
      const [, disk = "", operation = "", count] of this.text("blkio", file)
        ?.matchAll(/^(\d+:\d+) (\w+) (\d+)$/gm) ?? []
    ) {
      const stats = disks.get(disk) ?? {};
      stats[operation] = Number(count);
      disks.set(disk, stats);
    }
    return disks.size === 0 ? undefined : disksOf(disks);
  }

  /**
   * Returns the counters by disk of `io.stat`; `operations` maps keys to
   * operations.
   */
  ioStat(operations: Readonly<Record<string, string>>): unknown {
    const disks = new Map<string, Record<string, number>>();
    for (
      const [, disk = "", rest = ""] of this.text("io", "io.stat")
        ?.matchAll(/^(\d+:\d+) (.+)$/gm) ?? []
    ) {
      const stats: Record<string, number> = {};
      for (const [, key = "", count] of rest.matchAll(/([\w.]+)=(\d+)/g)) {
        const operation = operations[key];
        if (operation !== undefined) stats[operation] = Number(count);
      }
      if (Object.keys(stats).length > 0) disks.set(disk, stats);
    }
    return disks.size === 0 ? undefined : disksOf(disks);
  }

  /** Returns whether a hierarchy has the container. */
  has(controller: string): boolean {
    const directory = this.#place.directories.get(controller);
    try {
      return directory !== undefined && Deno.statSync(directory).isDirectory;
    } catch {
      return false;
    }
  }

  /**
   * Returns the processes of the cgroup itself, or `undefined` if they are not
   * listed.
   */
  pids(): number[] | undefined {
    const controller = this.isV2 ? "unified" : "pids";
    const text = this.text(controller, "cgroup.procs");
    return text === undefined ? undefined : (text.match(/\d+/g) ?? []).map(
      Number,
    );
  }

  /** Returns the processes of the subtree. */
  subtreePids(): number[] | undefined {
    const directory = this.#place.directories.get(
      this.isV2 ? "unified" : "pids",
    );
    return directory === undefined ? undefined : pidsBelow(directory);
  }

  /** Returns a file of the container's first process. */
  process(file: string): string | undefined {
    return this.host(`/proc/${this.pids()?.[0]}/${file}`);
  }

  /** Sums a value over the processes of the subtree. */
  sumSubtree(of: (pid: number) => number | undefined): number | undefined {
    return total(this.subtreePids(), of);
  }

  /** Sums a value over the processes of the cgroup itself. */
  sum(of: (pid: number) => number | undefined): number | undefined {
    return total(this.pids(), of);
  }

  /** Returns the interfaces as in the API. */
  interfaces(): Record<string, unknown>[] | undefined {
    const lines = this.process("net/dev")?.split("\n").slice(2, -1)
      .map((line) => line.replace(":", " ").trim().split(/\s+/))
      .filter(([name = ""]) => !/^(lo|veth|docker|nerdctl)/.test(name));
    if (lines === undefined || lines.length === 0) return undefined;
    return lines.map(([name, ...counts]) => ({
      name,
      ...Object.fromEntries(
        Object.entries(INTERFACE_FIELDS)
          .map(([field, column]) => [field, Number(counts[column])]),
      ),
    }));
  }

  /** Returns the number of TCP sockets by state. */
  tcp(file: "tcp" | "tcp6"): Numbers {
    const rows = this.#sockets(file);
    if (rows === undefined) return undefined;
    const states = [
      "Established",
      "SynSent",
      "SynRecv",
      "FinWait1",
      "FinWait2",
      "TimeWait",
      "Close",
      "CloseWait",
      "LastAck",
      "Listen",
      "Closing",
    ];
    return Object.fromEntries(states.map((name, index) => [
      name,
      rows.filter(([, , , state = ""]) => parseInt(state, 16) === index + 1)
        .length,
    ]));
  }

  /** Returns queued bytes and drops of UDP sockets. */
  udp(file: "udp" | "udp6"): Numbers {
    const rows = this.#sockets(file);
    if (rows === undefined) return undefined;
    const sum = (of: (row: string[]) => number) =>
      rows.reduce((total, row) => total + of(row), 0);
    const queue = (row: string[], part: number) =>
      parseInt(row[4]?.split(":")[part] ?? "", 16);
    return {
      Listen: rows.length,
      Dropped: sum((row) => Number(row[12])),
      RxQueued: sum((row) => queue(row, 1)),
      TxQueued: sum((row) => queue(row, 0)),
    };
  }

  /** Returns the TCP counters with these names. */
  tcpCounters(names: readonly string[]): Numbers {
    const found = new Map<string, number>();
    for (const file of ["snmp", "netstat"]) {
      const text = this.process(`net/${file}`);
      const [titles, values] = [
        ...text?.matchAll(/^Tcp(?:Ext)?: (.*)$/gm) ?? [],
      ].map((match) => match[1]?.split(" ") ?? []);
      titles?.forEach((title, index) =>
        found.set(title.toLowerCase(), Number(values?.[index]))
      );
    }
    if (found.size === 0) return undefined;
    return Object.fromEntries(names.flatMap((name) => {
      const value = found.get(name.toLowerCase());
      return value === undefined ? [] : [[name, value]];
    }));
  }

  #sockets(file: string): string[][] | undefined {
    return this.process(`net/${file}`)?.split("\n").slice(1, -1)
      .map((line) => line.trim().split(/\s+/));
  }
}

/** Parses a number; `max` and a missing text are `undefined`. */
function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function disksOf(disks: ReadonlyMap<string, Record<string, number>>) {
  return [...disks].map(([disk, stats]) => {
    const [major, minor] = disk.split(":").map(Number);
    return { major, minor, stats };
  });
}

function pidsBelow(directory: string): number[] | undefined {
  const text = readText(`${directory}/cgroup.procs`);
  if (text === undefined) return undefined;
  const pids = (text.match(/\d+/g) ?? []).map(Number);
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    if (isDirectory) pids.push(...pidsBelow(`${directory}/${name}`) ?? []);
  }
  return pids;
}

function total(
  pids: readonly number[] | undefined,
  of: (pid: number) => number | undefined,
): number | undefined {
  return pids?.map(of).reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
