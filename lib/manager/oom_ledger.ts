import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { ContainerHandler } from "../registry/handler_registry.ts";

/** Kills that the kernel counted and no record told of. */
export interface UntoldKills {
  /** The cgroup they were in; absent where nothing tells. */
  readonly victimCgroup?: CgroupName;
  readonly count: number;
  /** The kernel file that counted them. */
  readonly source: string;
}

/** What is known of a kill that a record told of. */
export interface KnownKill {
  /** Absent where nothing tells. */
  readonly victimCgroup?: CgroupName;
  /** What knows of it. */
  readonly sources: readonly string[];
}

/** What an {@linkcode OomLedger} stands on. */
export interface OomLedgerOptions {
  readonly clock: Clock;
  /** Kills on this node since boot (`/proc/vmstat`, `oom_kill`, since Linux 4.13); undefined where it is not counted. */
  readonly readNodeKills: () => number | undefined;
  /** Whether the kernel log can be relied on to tell of a kill soon. */
  readonly isTold: () => boolean;
}

interface Account {
  /** Absent where its container is gone. */
  handler: ContainerHandler | undefined;
  /** What the kernel had counted when the container was first looked at. */
  baseline: number;
  /** What it had counted when it was last looked at. */
  counted: number;
  /** The file that counts. */
  source: string;
  /** Kills of this container that events tell of, since then. */
  told: number;
  /** Kills of all containers of this name that events told of. */
  kills: number;
  /** When it went. */
  endedMs: number;
}

/** A record of a kill comes within so long of the count. */
const GRACE_MS = 1_500;

/** The node's count is read this often … */
const INTERVAL_MS = 250;
/** … and this often where no record tells of a kill: the container may be gone soon. */
const ALONE_INTERVAL_MS = 50;

/** The account of a container that is gone is kept for so long. */
const ENDED_MS = 5 * 60_000;
const MAX_ENDED = 10_000;

/** The counts of a thousand containers take 3 ms to read: not for every kill of a storm. */
const COUNT_MS = 5;

/**
 * Keeps the kernel's counts of OOM kills against what events told: a kill is
 * told once, whether a record, a counter or both know of it.
 *
 * The node's count moves with every kill. As long as records explain it,
 * nothing else is read. What they do not explain within a moment is looked
 * for in the containers' own counts, and what those do not explain either was
 * in a container that is gone.
 */
export class OomLedger {
  readonly #options: OomLedgerOptions;
  readonly #living = new Map<CgroupName, Account>();
  /** In the order in which they went. */
  readonly #ended = new Map<CgroupName, Account>();
  #countedMs = -Infinity;
  /** The node's count at the start. */
  readonly #base: number | undefined;
  /** Kills since then that events tell of, as the kernel counts them. */
  #explained = 0;
  /** Of those, the ones that no record told of yet. */
  #inferred = 0;
  #unexplainedSinceMs = Infinity;
  #kills = 0;

  constructor(options: OomLedgerOptions) {
    this.#options = options;
    this.#base = options.readNodeKills();
  }

  /** How long to wait until the next {@linkcode check}, milliseconds. */
  get intervalMs(): number {
    return this.#options.isTold() ? INTERVAL_MS : ALONE_INTERVAL_MS;
  }

  /** Kills on this node that events told of in this run. */
  get kills(): number {
    return this.#kills;
  }

  /** Kills by container that events told of in this run; of one that is gone for five minutes. */
  *killsByContainer(): Generator<readonly [CgroupName, number]> {
    for (const accounts of [this.#living, this.#ended]) {
      for (const [name, { kills }] of accounts) {
        if (kills > 0) yield [name, kills];
      }
    }
  }

  /** A container came; `isNew` where it was not there when the agent started. */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    const baseline = isNew ? 0 : handler.oomKills()?.count ?? 0;
    this.#living.set(name, {
      handler,
      baseline,
      counted: baseline,
      source: "",
      told: 0,
      kills: this.#ended.get(name)?.kills ?? 0,
      endedMs: Infinity,
    });
    this.#ended.delete(name);
  }

  /** A container went. */
  close(name: CgroupName): void {
    const account = this.#living.get(name);
    if (account === undefined) return;
    this.#living.delete(name);
    if (account.kills > 0 || untoldOf(account) > 0) this.#end(name, account);
  }

  /**
   * A record tells of a kill, maybe without its cgroup: the kernel prints at
   * most ten of those in five seconds. Returns what is known then; undefined
   * where an event told of it before the record came.
   */
  tell(named: CgroupName | undefined): KnownKill | undefined {
    if (this.#inferred > 0 && this.#unexplained() <= 0) {
      this.#inferred--;
      return undefined;
    }
    this.#explained++;
    this.#kills++;
    // Now, since a container may be gone at the next kill.
    this.#count();
    const victimCgroup = named ?? this.#whoWasCounted();
    if (victimCgroup === undefined) return { sources: ["kmsg"] };
    const account = this.#living.get(victimCgroup) ??
      this.#ended.get(victimCgroup) ?? this.#end(victimCgroup);
    readCount(account);
    const isCounted = untoldOf(account) > 0;
    account.told++;
    account.kills++;
    const sources = isCounted ? ["kmsg", account.source] : ["kmsg"];
    return { victimCgroup, sources };
  }

  /** The kernel told, and counted, a kill once more. */
  repeat(count: number): void {
    this.#explained += count;
  }

  /** Looks for kills that no record told of; to be called every now and then. */
  check(): UntoldKills[] {
    this.#forget();
    const nowMs = this.#options.clock.monotonic();
    if (this.#unexplained() <= 0) {
      this.#unexplainedSinceMs = Infinity;
      return [];
    }
    this.#unexplainedSinceMs = Math.min(this.#unexplainedSinceMs, nowMs);
    const graceMs = this.#options.isTold() ? GRACE_MS : 0;
    if (nowMs - this.#unexplainedSinceMs < graceMs) return [];
    this.#unexplainedSinceMs = Infinity;
    const untold = this.#inContainers();
    const rest = this.#unexplained();
    if (rest > 0) untold.push(this.#infer(rest, "vmstat"));
    return untold;
  }

  /** Kills that the node counted and no event tells of. */
  #unexplained(): number {
    const total = this.#options.readNodeKills();
    if (total === undefined || this.#base === undefined) return 0;
    return total - this.#base - this.#explained;
  }

  #inContainers(): UntoldKills[] {
    const untold: UntoldKills[] = [];
    for (const account of this.#living.values()) readCount(account);
    for (const accounts of [this.#living, this.#ended]) {
      for (const [victimCgroup, account] of accounts) {
        const count = untoldOf(account);
        if (count <= 0) continue;
        account.told += count;
        account.kills += count;
        untold.push({ victimCgroup, ...this.#infer(count, account.source) });
      }
    }
    return untold;
  }

  /** Reads the counts of all containers, if that was not just done. */
  #count(): void {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs < this.#countedMs + COUNT_MS) return;
    for (const account of this.#living.values()) readCount(account);
    this.#countedMs = this.#options.clock.monotonic();
  }

  /** A container whose count moved and was not told; one that is gone first. */
  #whoWasCounted(): CgroupName | undefined {
    for (const accounts of [this.#ended, this.#living]) {
      for (const [name, account] of accounts) {
        if (untoldOf(account) > 0) return name;
      }
    }
    return undefined;
  }

  #infer(count: number, source: string): UntoldKills {
    this.#explained += count;
    this.#inferred += count;
    this.#kills += count;
    return { count, source };
  }

  #end(name: CgroupName, account?: Account): Account {
    const ended = account ?? {
      handler: undefined,
      baseline: 0,
      counted: 0,
      source: "",
      told: 0,
      kills: 0,
      endedMs: 0,
    };
    ended.handler = undefined;
    ended.endedMs = this.#options.clock.monotonic();
    this.#ended.set(name, ended);
    return ended;
  }

  #forget(): void {
    const limitMs = this.#options.clock.monotonic() - ENDED_MS;
    for (const [name, { endedMs }] of this.#ended) {
      if (endedMs > limitMs && this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(name);
    }
  }
}

/** Kills that were counted and that no event tells of. */
function untoldOf({ counted, baseline, told }: Account): number {
  return counted - baseline - told;
}

function readCount(account: Account): void {
  const read = account.handler?.oomKills();
  if (read === undefined) return;
  account.counted = read.count;
  account.source = read.source;
}
