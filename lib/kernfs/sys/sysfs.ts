import type { HostFs } from "../host_fs.ts";

/**
 * Reads one value, without surrounding white space and NUL; `undefined` if
 * empty or unreadable.
 */
export function readValue(fs: HostFs, path: string): string | undefined {
  return fs.readText(path)?.replaceAll("\0", "").trim() || undefined;
}

/** Returns the first value found. */
export function readFirstValue(
  fs: HostFs,
  paths: readonly string[],
): string | undefined {
  for (const path of paths) {
    const value = readValue(fs, path);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Reads a non-negative integer; `undefined` also for −1 (unknown). */
export function readInteger(fs: HostFs, path: string): number | undefined {
  const value = readValue(fs, path);
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** Lists a directory; empty if unreadable. */
export function readNames(fs: HostFs, directory: string): string[] {
  return fs.names(fs.path(directory)) ?? [];
}

/**
 * Returns the numbers in names: 0, 1, 10 for `cpu0`, `cpu10`, `cpu1`,
 * `cpuidle`.
 */
export function readIndexes(
  fs: HostFs,
  directory: string,
  prefix: string,
): number[] {
  return readNames(fs, directory)
    .filter((name) =>
      name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length))
    )
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

const MAX_CPUS = 65_536;

/** Parses `0-3,8` (`cpumask_print_to_pagebuf(9)`), skipping invalid parts. */
export function parseCpuList(text: string): Set<number> {
  const cpus = new Set<number>();
  for (const [, first, last = first] of text.matchAll(/(\d+)(?:-(\d+))?/g)) {
    const end = Math.min(Number(last), MAX_CPUS - 1);
    for (let cpu = Number(first); cpu <= end; cpu++) cpus.add(cpu);
  }
  return cpus;
}
