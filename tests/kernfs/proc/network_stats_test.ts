import { assertEquals, assertThrows } from "@std/assert";
import { NetworkStatsReader } from "../../../lib/kernfs/proc/network_stats.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { RowBuilder } from "../../../lib/model/sample.ts";
import { filled } from "../../_support/read_file.ts";
import { readRecorded } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("NetworkStatsReader reads the files of enabled kinds", () => {
  using host = TestCgroup.create();
  for (const file of ["dev", "tcp", "tcp6", "udp", "udp6", "snmp", "netstat"]) {
    const text = readRecorded("proc", `6.18-net-${file}.txt`);
    host.file(`proc/7/net/${file}`, text);
  }
  host.file(
    "proc/7/net/dev",
    readRecorded("proc", "6.1-v2-docker-net-dev.txt"),
  );
  const groups = (...kinds: string[]) => {
    const builder = new RowBuilder();
    const reader = new NetworkStatsReader(host.hostFs(), new Set(kinds));
    assertEquals(reader.collects, kinds.length > 0);
    reader.read(builder, 7);
    return Object.keys(filled(builder));
  };
  assertEquals(groups("network"), ["interface eth0"]);
  assertEquals(groups("tcp"), ["tcp tcp", "tcp tcp6"]);
  assertEquals(groups("udp"), ["udp udp", "udp udp6"]);
  assertEquals(groups("advtcp"), ["tcpAdvanced "]);
  assertEquals(groups(), []);
});

Deno.test("NetworkStatsReader reads the other files if one is malformed, and no partial file", () => {
  using host = TestCgroup.create();
  host.file("proc/7/net/tcp", "sl\n 0: a b 0A\n 1: a b 7F\n")
    .file("proc/7/net/tcp6", "sl\n 0: a b 0A\n");
  const builder = new RowBuilder();
  const reader = new NetworkStatsReader(host.hostFs(), new Set(["tcp"]));
  const error = assertThrows(() => reader.read(builder, 7), KernfsSyntaxError);
  assertEquals(error.path, `${host.path}/proc/7/net/tcp`);
  assertEquals(filled(builder), {
    "tcp tcp6": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
  });
});

Deno.test("NetworkStatsReader distinguishes a container's network from the host's, if possible", () => {
  using host = TestCgroup.create();
  const reader = new NetworkStatsReader(host.hostFs(), new Set(["network"]));
  host.file("proc/7/net/dev", "");
  assertEquals(reader.isOwn(7), false);
  host.file("proc/1/net/dev", "");
  assertEquals(reader.isOwn(7), true);
  assertEquals(reader.isOwn(1), false);
  assertEquals(reader.isOwn(8), false);
});
