/** A line of `/proc/<pid>/mountinfo` (`proc_pid_mountinfo(5)`). */
export interface Mount {
  /** Mounted directory within the file system. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fsType: string;
  /** `/dev/sda1`, `server:/export`, or any string. */
  readonly source: string;
  /** Device number, not necessarily of a block device. */
  readonly major: number;
  readonly minor: number;
  /** Includes a v1 hierarchy's controllers. */
  readonly superOptions: readonly string[];
}

/** Further mounts are skipped; `fs.mount-max` is 100,000. */
const MAX_MOUNTS = 10_000;

const FIXED_FIELDS = 6;

/**
 * Parses mountinfo; invalid lines are skipped. `-` ends the optional fields,
 * and is a common source.
 *
 * ```text
 * 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
 * 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
 * ```
 */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  // Unlike `split()`, this stops at the last parsed mount.
  for (const [line] of text.matchAll(/.+/g)) {
    if (mounts.length === MAX_MOUNTS) break;
    const fields = line.split(" ");
    const separator = fields.indexOf("-", FIXED_FIELDS);
    const [, , device = "", root, mountPoint] = fields;
    if (separator < 0 || !root || !mountPoint) continue;
    const [fsType, source = "", options] = fields.slice(separator + 1);
    if (!fsType) continue;
    const [major = NaN, minor = NaN] = device.split(":").map(Number);
    mounts.push({
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      fsType,
      source: unescapeOctal(source),
      major,
      minor,
      // A comma within an option is escaped.
      superOptions: options?.split(",").map(unescapeOctal) ?? [],
    });
  }
  return mounts;
}

/** The kernel escapes space, tab, newline and backslash: `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(parseInt(digits, 8)),
  );
}
