import type { HostFs } from "../host_fs.ts";

/** The one value of a file, without white space and zeros around it; undefined where there is none. */
export function readValue(fs: HostFs, path: string): string | undefined {
  return fs.readText(path)?.replaceAll("\0", "").trim() || undefined;
}

/** The first value that one of the files has. */
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

/** A whole number of a file; undefined where it has none, and for −1, the kernel's word for not known. */
export function readCount(fs: HostFs, path: string): number | undefined {
  const value = readValue(fs, path);
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** Names of all that is in a host directory; none where it cannot be read. */
export function readNames(fs: HostFs, directory: string): string[] {
  return fs.names(fs.path(directory)) ?? [];
}

/** The numbers in the names of a directory, ascending: 0, 1, 10 of `cpu0`, `cpu10`, `cpu1`, `cpuidle`. */
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

/** More than any kernel is built for. */
const MAX_CPUS = 65_536;

/**
 * Parses a list of CPUs: `0-3,8` (`cpumask_print_to_pagebuf(9)`). What is not
 * in its form is passed over.
 */
export function parseCpuList(text: string): Set<number> {
  const cpus = new Set<number>();
  for (const [, first, last = first] of text.matchAll(/(\d+)(?:-(\d+))?/g)) {
    const end = Math.min(Number(last), MAX_CPUS - 1);
    for (let cpu = Number(first); cpu <= end; cpu++) cpus.add(cpu);
  }
  return cpus;
}
