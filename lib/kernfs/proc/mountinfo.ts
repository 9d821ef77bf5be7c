/** One line of `/proc/<pid>/mountinfo` (`proc_pid_mountinfo(5)`). */
export interface Mount {
  /** Mounted directory within the file system. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fsType: string;
  /** `/dev/sda1`, `server:/export`, or any string. */
  readonly source: string;
  /** Device number of the file system, not necessarily of a block device. */
  readonly major: number;
  readonly minor: number;
  /** Options of the file system, with a v1 hierarchy's controllers. */
  readonly superOptions: readonly string[];
}

/**
 * Further mounts are skipped. The kernel allows 100,000 per namespace
 * (`fs.mount-max`).
 */
const MAX_MOUNTS = 10_000;

const FIXED_FIELDS = 6;

/**
 * Parses mountinfo; invalid lines are skipped. The field `-` ends the optional
 * fields; it is also a common source.
 *
 * ```text
 * 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
 * 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
 * ```
 */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  // Unlike `split()`, this does not process text beyond the last parsed mount.
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

/**
 * The kernel escapes space, tab, newline and backslash as `\040` and similar.
 */
function unescapeOctal(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(parseInt(digits, 8)),
  );
}
