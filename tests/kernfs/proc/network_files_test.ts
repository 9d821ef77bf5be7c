import { assertEquals, assertThrows } from "@std/assert";
import {
  parseNetDev,
  parseTcpCounters,
  parseTcpSockets,
  parseUdpSockets,
} from "../../../lib/kernfs/proc/network_files.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { TCP_ADVANCED } from "../../../lib/model/tcp_advanced.ts";
import { readWith } from "../../_support/read_file.ts";
import { readRecorded } from "../../_support/recorded_tree.ts";

const TITLES = "Inter-|   Receive | Transmit\n face |bytes | bytes\n";
const COUNTS = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";

Deno.test("parseNetDev() reads eight counters of each interface of a recorded container, without loopback", () => {
  const text = readRecorded("proc", "6.1-v2-docker-net-dev.txt");
  assertEquals(readWith(parseNetDev, text), {
    "interface eth0": [1182, 13, 0, 0, 0, 0, 0, 0],
  });
});

Deno.test("parseNetDev() reads received data from the first eight columns, and sent data from the last", () => {
  const text = `${TITLES}  ens4:${COUNTS}\n`;
  assertEquals(readWith(parseNetDev, text), {
    "interface ens4": [1, 2, 3, 4, 9, 10, 11, 12],
  });
});

Deno.test("parseNetDev() ignores the interfaces that cAdvisor ignores, in any case", () => {
  const names = ["lo", "Lo0", "veth12ab", "VETH1", "docker0", "nerdctl0"];
  const text = TITLES + [...names, "cni0", "l0"]
    .map((name) => `${name}: ${COUNTS}\n`).join("");
  assertEquals(Object.keys(readWith(parseNetDev, text)), [
    "interface cni0",
    "interface l0",
  ]);
});

Deno.test("parseNetDev() throws if a line has no name, or not sixteen numbers", () => {
  for (const bad of ["eth0", `eth0: 1 2 3`, `eth0: ${COUNTS} 17`, "eth0: x"]) {
    assertThrows(
      () => readWith(parseNetDev, `${TITLES}${bad}\n`),
      KernfsSyntaxError,
    );
  }
});

Deno.test("parseTcpSockets() counts recorded sockets by state", () => {
  const tcp = readRecorded("proc", "6.18-net-tcp.txt");
  // Both ends of a connection, one waiting for the peer to close, and that
  // peer.
  assertEquals(readWith(parseTcpSockets("tcp"), tcp), {
    "tcp tcp": [2, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0],
  });
  const tcp6 = readRecorded("proc", "6.18-net-tcp6.txt");
  assertEquals(readWith(parseTcpSockets("tcp6"), tcp6), {
    "tcp tcp6": [0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 0],
  });
});

Deno.test("parseTcpSockets() throws on an unknown state", () => {
  for (const state of ["00", "0C", "zz", ""]) {
    assertThrows(
      () => readWith(parseTcpSockets("tcp"), `sl\n 0: a b ${state}\n`),
      KernfsSyntaxError,
    );
  }
});

Deno.test("parseUdpSockets() sums queued bytes and drops of recorded sockets", () => {
  const udp = readRecorded("proc", "6.18-net-udp.txt");
  assertEquals(readWith(parseUdpSockets("udp"), udp), {
    "udp udp": [3, 18, 0x680 + 0x1200, 0],
  });
});

Deno.test("parseUdpSockets() distinguishes send and receive queues", () => {
  const text = "sl\n 1: a b 07 00000010:00000003 00:0 0 0 0 1 2 f 5\n" +
    " 2: a b 07 00000001:00000000 00:0 0 0 0 1 2 f\n";
  assertEquals(readWith(parseUdpSockets("udp6"), text), {
    "udp udp6": [2, 5, 3, 17],
  });
});

Deno.test("parseTcpCounters() finds recorded counters by name, in any case", () => {
  const snmp = readWith(
    parseTcpCounters("Tcp: "),
    readRecorded("proc", "6.18-net-snmp.txt"),
  )["tcpAdvanced "] ?? [];
  const of = (name: string, row: readonly number[]) =>
    row[TCP_ADVANCED.indexOf(name)];
  assertEquals(of("RtoMin", snmp), 200);
  assertEquals(of("MaxConn", snmp), -1);
  assertEquals(of("ActiveOpens", snmp), 2);
  assertEquals(of("TW", snmp), NaN);
  const parse = parseTcpCounters("TcpExt: ");
  const text =
    "IpExt: a\nIpExt: 1\nTcpExt: New tw ListenDrops\nTcpExt: 9 7 8\n";
  for (let time = 0; time < 2; time++) {
    const row = readWith(parse, text)["tcpAdvanced "] ?? [];
    assertEquals(of("TW", row), 7);
    assertEquals(of("ListenDrops", row), 8);
    assertEquals(row.filter((value) => !Number.isNaN(value)).length, 2);
  }
  // Other names than before.
  const other = readWith(
    parse,
    "TcpExt: New tw ListenDrops TCPHPHits\n" +
      "TcpExt: 1 2 3 4\n",
  )["tcpAdvanced "] ?? [];
  assertEquals(of("TCPHPHits", other), 4);
});

Deno.test("parseTcpCounters() throws if names have no values", () => {
  for (const bad of ["Tcp: A\n", "Tcp: A\nUdp: 1\n", "Tcp: A B\nTcp: 1\n"]) {
    assertThrows(
      () => readWith(parseTcpCounters("Tcp: "), bad),
      KernfsSyntaxError,
    );
  }
});
