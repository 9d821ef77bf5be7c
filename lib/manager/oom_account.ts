import type { ContainerHandler } from "../registry/handler_registry.ts";

/** The kernel's count of the OOM kills of one container, against what events told. */
export interface OomAccount {
  /** Absent where its container is gone. */
  handler: ContainerHandler | undefined;
  /** What of the count is not to be told: it is from before the start. */
  baseline: number;
  /** What it had counted when it was last looked at. */
  counted: number;
  /** The file that counts. */
  source: string;
  /** Kills of this container that events tell of, beyond the baseline. */
  told: number;
  /** Of those, the ones that no record told of yet. */
  inferred: number;
  /** Kills of all containers of this name that events told of. */
  kills: number;
  /** When it went. */
  endedMs: number;
}

/** An account in which nothing was counted or told. */
export function newAccount(handler?: ContainerHandler): OomAccount {
  return {
    handler,
    baseline: 0,
    counted: 0,
    source: "",
    told: 0,
    inferred: 0,
    kills: 0,
    endedMs: Infinity,
  };
}

/** Kills that were counted and that no event tells of. */
export function untoldOf({ counted, baseline, told }: OomAccount): number {
  return counted - baseline - told;
}

/**
 * The kernel counts a kill before it prints it: what is told beyond the count
 * is from before the baseline, or of another container of that name.
 */
export function settle(account: OomAccount): void {
  const { counted, told, baseline } = account;
  account.baseline = Math.min(baseline, counted - told);
}

/** Reads the count; returns whether there is one. */
export function readCount(account: OomAccount): boolean {
  const read = account.handler?.oomKills();
  if (read === undefined) return false;
  account.counted = read.count;
  account.source = read.source;
  return true;
}
