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
  /** When it came. */
  openedMs: number;
  /** When it went. */
  endedMs: number;
  /** What the whole subtree counts, less what is from before the start; 0 where nothing counts it. */
  subtree: number;
  subtreeBaseline: number;
  /** That count when it was last found to be right. */
  balanced: number;
  /** Kills of the subtree that were counted, and in nobody who can be named. */
  below: number;
  /** Of those, the ones that events tell of. */
  toldBelow: number;
}

/** An account in which nothing was counted or told. */
export function newAccount(
  handler?: ContainerHandler,
  openedMs = -Infinity,
): OomAccount {
  return {
    handler,
    baseline: 0,
    counted: 0,
    source: "",
    told: 0,
    inferred: 0,
    kills: 0,
    openedMs,
    endedMs: Infinity,
    subtree: 0,
    subtreeBaseline: 0,
    balanced: 0,
    below: 0,
    toldBelow: 0,
  };
}

/** Kills of this run that were counted, of the container and below it in nobody who can be named. */
export function countedOf(account: OomAccount): number {
  return account.counted - account.baseline + account.below;
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

/** Reads the count of the whole subtree; returns whether there is one. */
export function readSubtree(account: OomAccount): boolean {
  const read = account.handler?.oomKillsBelow();
  if (read === undefined) return false;
  account.subtree = read - account.subtreeBaseline;
  return true;
}

/** Kills of the container that the kernel counted, or that events told of. */
export function knownOf({ counted, baseline, told }: OomAccount): number {
  return Math.max(told, counted - baseline);
}
