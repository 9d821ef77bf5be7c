/** One line of `/proc/<pid>/mountinfo` (`proc_pid_mountinfo(5)`). */
export interface Mount {
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fsType: string;
  /** `/dev/sda1`, `server:/export`, or any word. */
  readonly source: string;
  /** Of the file system; what it calls a device need not be one. */
  readonly major: number;
  readonly minor: number;
  /** Options of the file system; a v1 hierarchy's controllers among them. */
  readonly superOptions: readonly string[];
}

/** The kernel allows 100,000 in a namespace (`fs.mount-max`); of more than these the rest is passed over. */
const MAX_MOUNTS = 10_000;

/** Fields before the optional ones, of which there may be none. */
const FIXED_FIELDS = 6;

/**
 * Parses mountinfo; a line that is not in its form is skipped. The field `-`
 * ends the optional fields. Text that looks like it may stand in any other
 * field: a source of `-` is common.
 *
 * ```text
 * 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
 * 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
 * ```
 */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  // Not split: of a text that is too long only the beginning is looked at.
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
      // A comma within an option is escaped, too.
      superOptions: options?.split(",").map(unescapeOctal) ?? [],
    });
  }
  return mounts;
}

/** The kernel writes space, tab, newline and backslash as `\040` and so on. */
function unescapeOctal(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(parseInt(digits, 8)),
  );
}
