/**
 * All readers of external data, with the largest input that each accepts or the
 * worst that it rejects, and the memory it used above idle. A separate process
 * runs each with up to 32 MB (`tests/e2e/readers_test.ts`).
 *
 * @module
 */
import { DirectoryUsage } from "../../lib/filesystems/directory_usage.ts";
import { MountedFiles } from "../../lib/filesystems/mounted_files.ts";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { parseMountinfo } from "../../lib/kernfs/proc/mountinfo.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { parseContainerdContainer } from "../../lib/runtimes/containerd_messages.ts";
import {
  parseDockerContainer,
  parseDockerList,
} from "../../lib/runtimes/docker_json.ts";
import { ByteBuffer } from "../../lib/runtimes/byte_buffer.ts";
import { parseBoundedJson } from "../../lib/runtimes/bounded_json.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";
import { ProtoMessage } from "../../lib/runtimes/protobuf.ts";
import { RuntimeFiles } from "../../lib/runtimes/runtime_files.ts";
import { LineDecoder } from "../../lib/runtimes/line_decoder.ts";

/** One reader and one input. */
export interface Reader {
  readonly name: string;
  /** Content of a file, or number of empty files in a directory. */
  readonly input: () => Uint8Array | string | number;
  /** Reads the input at a path; returns the result. */
  readonly read: (path: string) => unknown;
  /** Whether the input is accepted; otherwise `read` throws. */
  readonly isAccepted: boolean;
  /** Megabytes above idle, as measured (Deno 2.9.6, 2 cores). */
  readonly peakMb: number;
}

const MIB = 2 ** 20;
const ALL = new LabelFilter({ allowed: [], all: true });

/** Returns repeated bytes of a length. */
function repeated(part: readonly number[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = part[at % part.length] ?? 0;
  return bytes;
}

/** Returns an object with `count` members whose names have `length` letters. */
function members(count: number, length: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `l${i}`,
      "é".repeat(length),
    ]),
  );
}

/** Returns a list of `count` values, padded to `bytes`. */
function list(value: string, count: number, bytes = 0): string {
  const text = new Array(count).fill(value).join();
  return `[${text},"${"x".repeat(Math.max(0, bytes - text.length - 5))}"]`;
}

/** Returns fields of a message that are messages with a name and a value. */
function labelMessages(count: number): Uint8Array {
  const text = (field: number, value: string) => [
    field * 8 + 2,
    value.length,
    ...new TextEncoder().encode(value),
  ];
  const entries = Array.from({ length: count }, (_, i) => {
    const entry = [...text(1, `label-${i}`), ...text(2, "v".repeat(60))];
    return [18, entry.length, ...entry];
  });
  return Uint8Array.from([...text(1, "web"), ...entries.flat()]);
}

const bytesOf = (path: string) => Deno.readFileSync(path);
const textOf = (path: string) => Deno.readTextFileSync(path);
const files = () => new RuntimeFiles(new HostFs());

export const READERS: readonly Reader[] = [
  {
    name: "a gRPC message of empty messages",
    input: () => repeated([10, 0], MIB),
    read: (path) => new ProtoMessage(bytesOf(path)).messages(1),
    isAccepted: false,
    peakMb: 10.4,
  },
  {
    name: "a gRPC message with labels",
    input: () => labelMessages(4_000),
    read: (path) =>
      parseContainerdContainer(new ProtoMessage(bytesOf(path)), ALL),
    isAccepted: true,
    peakMb: 21.8,
  },
  {
    name: "JSON of empty objects",
    input: () => list("{}", 1_300_000),
    read: (path) => files().json(path),
    isAccepted: false,
    peakMb: 9.9,
  },
  {
    name: "JSON nested deep",
    input: () => "[".repeat(4 * MIB),
    read: (path) => files().json(path),
    isAccepted: false,
    peakMb: 9.9,
  },
  {
    name: "config.json with as many values as are taken",
    input: () => list("{}", 59_000, 4 * MIB - 16),
    read: (path) => files().json(path),
    isAccepted: true,
    peakMb: 24,
  },
  {
    name: "config.json that is too large",
    input: () => list("{}", 10, 5 * MIB),
    read: (path) => files().json(path),
    isAccepted: false,
    peakMb: 2.5,
  },
  {
    name: "an inspected container with labels",
    input: () =>
      JSON.stringify({
        Id: "web",
        Config: { Labels: members(10_000, 100) },
      }),
    read: (path) =>
      parseDockerContainer(parseBoundedJson(textOf(path)), {
        runtime: "docker",
        labels: ALL,
      }),
    isAccepted: true,
    peakMb: 14.7,
  },
  {
    name: "a list of containers",
    input: () =>
      list('{"Id":"a","Names":["/b"],"Image":"c","Labels":{"d":"e"}}', 17_000),
    read: (path) =>
      parseDockerList(parseBoundedJson(textOf(path)), {
        runtime: "docker",
        labels: ALL,
      }),
    isAccepted: true,
    peakMb: 28,
  },
  {
    name: "an answer in parts of one byte",
    input: () => list("{}", 10, 4 * MIB - 16),
    read(path) {
      const gathered = new ByteBuffer();
      for (const byte of bytesOf(path)) gathered.push(Uint8Array.of(byte));
      return parseBoundedJson(gathered.takeText());
    },
    isAccepted: true,
    peakMb: 27.8,
  },
  {
    name: "an event in parts of one byte",
    input: () => `${"x".repeat(MIB)}\n`,
    read(path) {
      const bound = new LineDecoder(MIB, () => {});
      const lines: string[] = [];
      for (const byte of bytesOf(path)) {
        lines.push(...bound.push(Uint8Array.of(byte)));
      }
      return lines;
    },
    isAccepted: true,
    peakMb: 14.8,
  },
  {
    name: "a runtime's directory",
    input: () => 20_000,
    read: (path) => files().list(path),
    isAccepted: false,
    peakMb: 8.4,
  },
  {
    name: "a layer with a large directory",
    input: () => 70_000,
    async read(path) {
      const mounted = new MountedFiles(new HostFs());
      const clock = systemClock;
      const usage = new DirectoryUsage({
        files: mounted,
        clock,
        calls: new BlockingCallPool(clock),
      });
      usage.sizeOf(path);
      await usage.caughtUp();
      if (usage.sizeOf(path) === undefined) {
        throw new Error("It is not counted");
      }
    },
    isAccepted: true,
    peakMb: 23.9,
  },
  {
    name: "descriptors of a process",
    input: () => 16_000,
    read: (path) => new HostFs().names(path),
    isAccepted: true,
    peakMb: 12.3,
  },
  {
    name: "mountinfo with more mounts than are taken",
    input: () =>
      "1 0 0:1 / /var/lib/kubelet/pods/0f1e/volumes/a rw shared:1 - tmpfs tmpfs rw,size=1k\n"
        .repeat(60_000),
    read: (path) => parseMountinfo(textOf(path)),
    isAccepted: true,
    peakMb: 23,
  },
];

/** Writes an input; returns its path. */
export function layOut({ input }: Reader, directory: string): string {
  const path = `${directory}/input`;
  const content = input();
  if (typeof content === "number") {
    Deno.mkdirSync(path);
    for (let i = 0; i < content; i++) {
      Deno.createSync(`${path}/file-${i}`).close();
    }
  } else if (typeof content === "string") {
    Deno.writeTextFileSync(path, content);
  } else Deno.writeFileSync(path, content);
  return path;
}
