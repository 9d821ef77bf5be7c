import { assertEquals } from "@std/assert";
import {
  filesystemInfoJson,
  filesystemsJson,
  filesystemsV2Json,
  fsInfoJson,
  machineFilesystemsJson,
} from "../../lib/api/filesystem_json.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import { NUMBERED_COUNTERS } from "../_support/disk_counters.ts";

const ROOT: FsInfo = {
  timestampMs: Date.UTC(2026, 0, 1),
  device: "/dev/sda1",
  mountPoint: "/",
  type: "vfs",
  major: 8,
  minor: 1,
  labels: ["root"],
  capacityBytes: 2 ** 60,
  usageBytes: 4096,
  availableBytes: 1024,
  inodes: 100,
  inodesFree: 60,
  io: NUMBERED_COUNTERS,
};

/** A file system that has never responded. */
const HUNG: FsInfo = {
  device: "box:/export",
  mountPoint: "/mnt",
  type: "vfs",
  major: 0,
  minor: 50,
  labels: [],
  isStale: true,
};

/** Serializes a value. */
function wire(value: unknown): string {
  return JSON.stringify(value);
}

Deno.test("filesystemsJson() has cAdvisor's names, in its order", () => {
  assertEquals(
    wire(filesystemsJson({ timestampMs: 0, filesystems: [ROOT] })),
    '{"filesystem":[{"device":"/dev/sda1","type":"vfs",' +
      '"capacity":1152921504606846976,"usage":4096,"available":1024,' +
      '"has_inodes":true,"inodes":100,"inodes_free":60,' +
      '"reads_completed":1,"reads_merged":2,"sectors_read":3,"read_time":4,' +
      '"writes_completed":5,"writes_merged":6,"sectors_written":7,' +
      '"write_time":8,"io_in_progress":9,"io_time":10,"weighted_io_time":11}]}',
  );
});

Deno.test("filesystemsJson() leaves out unknown values, and marks stale ones", () => {
  assertEquals(
    wire(filesystemsJson({ timestampMs: 0, filesystems: [HUNG] })),
    '{"filesystem":[{"device":"box:/export","type":"vfs",' +
      '"has_inodes":false,"stale":true}]}',
  );
  assertEquals(wire(filesystemsJson({ timestampMs: 0 })), "{}");
});

Deno.test("filesystemsV2Json() has a single file system, with cAdvisor's spelling", () => {
  const layer = {
    type: "vfs",
    usageBytes: 300,
    baseUsageBytes: 200,
    inodes: 7,
  };
  assertEquals(
    wire(filesystemsV2Json({ timestampMs: 0, filesystems: [layer] })),
    '{"filesystem":{"totalUsageBytes":300,"baseUsageBytes":200,' +
      '"containter_inode_usage":7}}',
  );
  for (const filesystems of [[], [layer, layer]]) {
    assertEquals(
      wire(filesystemsV2Json({ timestampMs: 0, filesystems })),
      "{}",
    );
  }
});

Deno.test("machineFilesystemsJson() has times in nanoseconds, in cAdvisor's object inline", () => {
  const filesystems = [ROOT, HUNG];
  assertEquals(
    wire(machineFilesystemsJson({ timestampMs: 0, filesystems })),
    '{"filesystem":[{"device":"/dev/sda1","type":"vfs",' +
      '"capacity":1152921504606846976,"usage":4096,"available":1024,' +
      '"inodes_free":60,"inline":{"reads_completed":1,"reads_merged":2,' +
      '"sectors_read":3,"read_duration":4000000,"writes_completed":5,' +
      '"writes_merged":6,"sectors_written":7,"write_duration":8000000,' +
      '"io_in_progress":9,"io_duration":10000000,' +
      '"weighted_io_duration":11000000}},' +
      '{"device":"box:/export","type":"vfs","stale":true}]}',
  );
  assertEquals(wire(machineFilesystemsJson({ timestampMs: 0 })), "{}");
});

Deno.test("fsInfoJson() and filesystemInfoJson() have cAdvisor's names", () => {
  assertEquals(
    wire(fsInfoJson(ROOT)),
    '{"timestamp":"2026-01-01T00:00:00Z","device":"/dev/sda1",' +
      '"mountpoint":"/","capacity":1152921504606846976,"available":1024,' +
      '"usage":4096,"labels":["root"],"inodes":100,"inodes_free":60}',
  );
  assertEquals(
    wire(fsInfoJson(HUNG)),
    '{"timestamp":"0001-01-01T00:00:00Z","device":"box:/export",' +
      '"mountpoint":"/mnt","labels":[],"stale":true}',
  );
  assertEquals(
    wire(filesystemInfoJson(ROOT)),
    '{"device":"/dev/sda1","capacity":1152921504606846976,"type":"vfs",' +
      '"inodes":100,"has_inodes":true}',
  );
});
