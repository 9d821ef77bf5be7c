import { fromFileUrl } from "@std/path";
import {
  findHierarchies,
  type Hierarchies,
} from "../../lib/kernfs/cgroup/hierarchy.ts";
import type { HostFs, HostFsOptions } from "../../lib/kernfs/host_fs.ts";
import { TestCgroup } from "./test_cgroup.ts";

const TESTDATA = fromFileUrl(new URL("../testdata", import.meta.url));
const CGROUP = "/sys/fs/cgroup";

/**
 * `##### hierarchy memory : /sys/fs/cgroup/memory/docker`; older dumps omit a
 * word.
 */
const DIRECTORY_REGEXP = /^##### (?:hierarchy )?\S+ : (\S+)$/;
const FILE_REGEXP = /^--- (\S+)$/;
/** Output of `cat` for an unreadable file. */
const UNREADABLE_REGEXP = /^cat: /;

/**
 * A recorded host: its dumps and their directories. A dump that contains its
 * directories needs none.
 */
interface Recording {
  readonly mountinfo: string;
  readonly dumps: Readonly<Record<string, string>>;
}

const RECORDINGS = {
  "6.1-v2": {
    mountinfo: "6.1-v2-mountinfo.txt",
    dumps: {
      "6.1-v2-root.txt": CGROUP,
      "6.1-v2-system-slice.txt": `${CGROUP}/system.slice`,
      "6.1-v2-docker.txt":
        `${CGROUP}/system.slice/docker-76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e.scope`,
      "6.1-v2-io.txt": `${CGROUP}/lab/io`,
      "6.1-v2-throttled.txt": `${CGROUP}/lab/thr`,
      "6.1-v2-memory-high.txt": `${CGROUP}/lab/high`,
    },
  },
  "6.1-v1-legacy": {
    mountinfo: "6.1-v1-legacy-mountinfo.txt",
    dumps: { "6.1-v1-legacy-docker.txt": "" },
  },
  "6.18-hybrid": {
    mountinfo: "6.18-hybrid-mountinfo.txt",
    dumps: {
      "6.18-hybrid-root.txt": "",
      "6.18-hybrid-docker.txt": "",
      "6.18-hybrid-crun-busy.txt": "",
      "6.18-hybrid-crun-after-oom.txt": "",
      "6.18-v1-blkio-with-io.txt": `${CGROUP}/blkio/rt-blkio`,
    },
  },
} as const satisfies Record<string, Recording>;

/** Name of a recorded host: kernel version and hierarchy mode. */
export type RecordingName = keyof typeof RECORDINGS;

export const RECORDING_NAMES = Object.keys(RECORDINGS) as RecordingName[];

/** A recorded host unpacked in a temporary directory, to be used as root. */
export class RecordedTree implements Disposable {
  readonly root: TestCgroup;
  readonly fs: HostFs;
  readonly hierarchies: Hierarchies;

  constructor(
    name: RecordingName,
    options: Omit<HostFsOptions, "root"> = {},
  ) {
    const { mountinfo, dumps }: Recording = RECORDINGS[name];
    this.root = TestCgroup.create();
    this.root
      .file("proc/1/mountinfo", readRecorded("proc", mountinfo))
      .file("proc/self/mountinfo", readRecorded("proc", mountinfo))
      .file("proc/meminfo", readRecorded("proc", "6.1-meminfo.txt"))
      .file("proc/cpuinfo", readRecorded("proc", "6.1-cpuinfo.txt"));
    makeMountPoints(this.root, mountinfo);
    for (const [dump, place] of Object.entries(dumps)) {
      unpack(this.root, readRecorded("cgroup", dump), place);
    }
    this.fs = this.root.hostFs(options);
    this.hierarchies = findHierarchies(this.fs);
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

/**
 * Returns the root of a recorded machine with its `/proc`, `/sys` and `/etc`.
 */
export function recordedMachine(file: string): TestCgroup {
  const root = TestCgroup.create();
  unpack(root, readRecorded("machine", file), "");
  return root;
}

/** Returns the text of a recorded file. */
export function readRecorded(
  folder: "cgroup" | "machine" | "proc",
  file: string,
): string {
  return Deno.readTextFileSync(`${TESTDATA}/${folder}/${file}`);
}

/** Returns all recordings of a control file, with their dumps. */
export function recordedFiles(
  file: string,
): { readonly dump: string; readonly text: string }[] {
  const found: { dump: string; text: string }[] = [];
  for (const { name: dump } of Deno.readDirSync(`${TESTDATA}/cgroup`)) {
    for (const recorded of parseDump(readRecorded("cgroup", dump), "")) {
      if (recorded.file === file) found.push({ dump, text: recorded.text });
    }
  }
  return found;
}

interface RecordedFile {
  readonly directory: string;
  readonly file: string;
  readonly text: string;
}

function* parseDump(dump: string, place: string): Generator<RecordedFile> {
  let directory = place;
  for (const part of dump.split(/^(?=--- |##### )/m)) {
    const [head = "", ...lines] = part.split("\n");
    const moved = DIRECTORY_REGEXP.exec(head)?.[1];
    if (moved !== undefined) directory = moved;
    const file = FILE_REGEXP.exec(head)?.[1];
    const text = lines.join("\n");
    if (file === undefined || UNREADABLE_REGEXP.test(text)) continue;
    yield { directory, file, text };
  }
}

/**
 * Unpacks a dump below a root; files of a dump without directories into
 * `place`.
 */
export function unpack(root: TestCgroup, dump: string, place: string): void {
  for (const { directory, file, text } of parseDump(dump, place)) {
    root.file(`${directory}/${file}`, text);
  }
}

/** The kernel mounts hierarchies on directories that no dump contains. */
function makeMountPoints(root: TestCgroup, mountinfo: string): void {
  const text = readRecorded("proc", mountinfo);
  for (const [, mountPoint] of text.matchAll(/ (\/\S+) \S+ .*- cgroup2? /g)) {
    root.child(mountPoint as string);
  }
}
