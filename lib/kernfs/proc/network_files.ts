import { GROUP_COLUMNS, type RowBuilder } from "../../model/sample.ts";
import { TCP_ADVANCED } from "../../model/tcp_advanced.ts";
import type { FileParser } from "../cgroup/cgroup_file.ts";
import { cursor } from "../keyed.ts";

const NEWLINE = 0x0a;
const COLON = 0x3a;
const MINUS = 0x2d;
const SPACE = 0x20;
const LOWER_CASE = 0x20;

/**
 * Loopback and the host's side of container networks, in upper or lower case,
 * as in cAdvisor.
 */
const IGNORED_PREFIXES = ["lo", "veth", "docker", "nerdctl"];
/** Eight received, then eight sent. */
const COLUMNS = 16;
/** Column in the group, or −1 if not stored. */
const INTERFACE_COLUMNS = [
  [0, 1, 2, 3, -1, -1, -1, -1],
  [4, 5, 6, 7, -1, -1, -1, -1],
].flat();

/**
 * Parses `/proc/<pid>/net/dev`: two header rows, then a line per interface.
 *
 * ```text
 *   eth0:    1296      16    0    0    0     0          0         0      126       3    0    0    0     0       0          0
 * ```
 */
export function parseNetDev(
  bytes: Uint8Array,
  length: number,
  builder: RowBuilder,
  path: string,
): void {
  cursor.reset(bytes, length, path);
  cursor.nextLine();
  for (cursor.nextLine(); !cursor.done; cursor.nextLine()) {
    cursor.skipSpaces();
    if (isIgnored(bytes)) continue;
    const start = cursor.at;
    while (cursor.peek() !== COLON) {
      if (cursor.done || cursor.peek() === NEWLINE) cursor.fail();
      cursor.at++;
    }
    const first = builder.group("interface", cursor.textFrom(start));
    cursor.at++;
    for (let column = 0; column < COLUMNS; column++) {
      cursor.skipSpaces();
      const value = cursor.number();
      const target = INTERFACE_COLUMNS[column] ?? -1;
      if (first >= 0 && target >= 0) builder.row[first + target] = value;
    }
    cursor.endLine();
  }
}

function isIgnored(bytes: Uint8Array): boolean {
  return IGNORED_PREFIXES.some((prefix) => {
    for (let i = 0; i < prefix.length; i++) {
      const byte = bytes[cursor.at + i] ?? 0;
      if ((byte | LOWER_CASE) !== prefix.charCodeAt(i)) return false;
    }
    return true;
  });
}

const TCP_STATES = GROUP_COLUMNS.tcp.length;

/**
 * Parses `/proc/<pid>/net/tcp`. The fourth word is the state in hex, from 1 on
 * in column order. `NEW_SYN_RECV`, a request without a socket, is printed as 3.
 *
 * ```text
 *   sl  local_address rem_address   st tx_queue rx_queue …
 *    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …
 * ```
 */
export function parseTcpSockets(key: "tcp" | "tcp6"): FileParser {
  const counts = new Float64Array(TCP_STATES);
  return (bytes, length, builder, path) => {
    counts.fill(0);
    toSockets(bytes, length, path);
    for (; toState(); cursor.nextLine()) {
      const state = hex();
      if (state < 1 || state > TCP_STATES) cursor.fail();
      add(counts, state - 1, 1);
    }
    const first = builder.group("tcp", key);
    if (first >= 0) builder.row.set(counts, first);
  };
}

const [LISTEN, DROPPED, RX_QUEUED, TX_QUEUED] = [0, 1, 2, 3];

/**
 * Parses `/proc/<pid>/net/udp`. The send queue comes first; cAdvisor swaps
 * them.
 *
 * ```text
 *    sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 *  1082: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 16391 2 0000000000000000 0
 * ```
 */
export function parseUdpSockets(key: "udp" | "udp6"): FileParser {
  const counts = new Float64Array(GROUP_COLUMNS.udp.length);
  return (bytes, length, builder, path) => {
    counts.fill(0);
    toSockets(bytes, length, path);
    for (; toState(); cursor.nextLine()) {
      add(counts, LISTEN, 1);
      skipWords(1);
      add(counts, TX_QUEUED, hex());
      cursor.expect(COLON);
      add(counts, RX_QUEUED, hex());
      // The rest of this word, and seven more.
      skipWords(8);
      // Since Linux 2.6.27.
      if (!cursor.done && cursor.peek() !== NEWLINE) {
        add(counts, DROPPED, cursor.number());
      }
    }
    const first = builder.group("udp", key);
    if (first >= 0) builder.row.set(counts, first);
  };
}

function add(counts: Float64Array, column: number, count: number): void {
  counts[column] = (counts[column] ?? 0) + count;
}

function toSockets(bytes: Uint8Array, length: number, path: string): void {
  cursor.reset(bytes, length, path);
  cursor.nextLine();
}

/** Moves to the next state; false at the end. */
function toState(): boolean {
  cursor.skipSpaces();
  skipWords(3);
  return !cursor.done;
}

function skipWords(count: number): void {
  const { bytes, length } = cursor;
  let { at } = cursor;
  for (let i = 0; i < count; i++) {
    while (at < length && bytes[at] !== SPACE && bytes[at] !== NEWLINE) at++;
    while (at < length && bytes[at] === SPACE) at++;
  }
  cursor.at = at;
}

function hex(): number {
  const { bytes, length, at: start } = cursor;
  let value = 0;
  let { at } = cursor;
  for (; at < length; at++) {
    const digit = hexDigit(bytes[at] as number);
    if (digit < 0) break;
    value = value * 16 + digit;
  }
  if (at === start) cursor.fail();
  cursor.at = at;
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | LOWER_CASE;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const TCP_ADVANCED_COLUMNS: ReadonlyMap<string, number> = new Map(
  TCP_ADVANCED.map((name, column) => [name.toLowerCase(), column]),
);

/**
 * Parses `/proc/<pid>/net/snmp` and `netstat`: names, then values.
 *
 * ```text
 * Tcp: RtoAlgorithm RtoMin RtoMax MaxConn …
 * Tcp: 1 200 120000 -1 …
 * ```
 */
export function parseTcpCounters(prefix: "Tcp: " | "TcpExt: "): FileParser {
  // Resolved once: names do not change.
  let names = "";
  let columns: readonly number[] = [];
  return (bytes, length, builder, path) => {
    const first = builder.group("tcpAdvanced");
    if (first < 0) return;
    cursor.reset(bytes, length, path);
    while (!cursor.done && !cursor.skip(prefix)) cursor.nextLine();
    if (cursor.done) return;
    const start = cursor.at;
    if (!cursor.skip(names) || cursor.peek() !== NEWLINE) {
      cursor.at = start;
      while (!cursor.done && cursor.peek() !== NEWLINE) cursor.at++;
      names = cursor.textFrom(start);
      columns = names.split(" ").map((name) =>
        TCP_ADVANCED_COLUMNS.get(name.toLowerCase()) ?? -1
      );
    }
    cursor.nextLine();
    if (!cursor.skip(prefix)) cursor.fail();
    for (const column of columns) {
      // MaxConn is −1 without a limit.
      const sign = cursor.peek() === MINUS ? -1 : 1;
      if (sign < 0) cursor.at++;
      const value = sign * cursor.number();
      if (column >= 0) builder.row[first + column] = value;
      cursor.skipSpaces();
    }
  };
}
