import { GROUP_COLUMNS } from "../model/sample.ts";
import { counter, type Family, gauge, ofKinds, type Some } from "./family.ts";
import { formatLabels } from "./labels.ts";
import { group, has, type Measured, valueAt } from "./measured.ts";

const NETWORK: readonly (readonly [
  name: string,
  column: typeof GROUP_COLUMNS.interface[number],
  help: string,
])[] = [
  ["receive_bytes", "rxBytes", "Bytes received."],
  ["receive_packets", "rxPackets", "Packets received."],
  ["receive_packets_dropped", "rxDropped", "Received packets thrown away."],
  ["receive_errors", "rxErrors", "Errors while receiving."],
  ["transmit_bytes", "txBytes", "Bytes sent."],
  ["transmit_packets", "txPackets", "Packets sent."],
  ["transmit_packets_dropped", "txDropped", "Packets thrown away unsent."],
  ["transmit_errors", "txErrors", "Errors while sending."],
];

/** The kernel allows quotes in an interface's name. */
const INTERFACE = {
  labels: (name: string) => formatLabels([["interface", name]]),
};

const INTERFACE_FAMILIES: readonly Family<Measured>[] = NETWORK.map(
  ([name, of, help]) =>
    counter(
      `container_network_${name}_total`,
      help,
      group("interface", of, INTERFACE),
      ["interface"],
    ),
);

/** What went over the network of a container, and its sockets. */
export const NETWORK_FAMILIES: readonly Family<Measured>[] = [
  ...ofKinds(["network"], INTERFACE_FAMILIES),
  ...ofKinds(["tcp"], [
    socketStates("tcp", "tcp", "Sockets of TCP over IPv4, by state."),
    socketStates("tcp", "tcp6", "Sockets of TCP over IPv6, by state."),
  ]),
  ...ofKinds(["advtcp"], [
    gauge(
      "container_network_advance_tcp_stats_total",
      "Counters of the TCP stack, by the kernel's names.",
      states("tcpAdvanced", "", "tcp_state"),
      ["tcp_state"],
    ),
  ]),
  ...ofKinds(["udp"], [
    socketStates("udp", "udp", "Sockets of UDP over IPv4, and their queues."),
    socketStates("udp", "udp6", "Sockets of UDP over IPv6, and their queues."),
  ]),
];

/** Every column of the one group with that key, its name as a label. */
function states(
  kind: "tcp" | "udp" | "tcpAdvanced",
  key: string,
  label: string,
): Some<Measured> {
  const labels = GROUP_COLUMNS[kind]
    .map((name) => `${label}="${name.toLowerCase()}"`);
  return {
    has: has(kind),
    each: (measured, emit) => {
      for (const found of measured.layout.of(kind)) {
        if (found.key !== key) continue;
        for (const [index, text] of labels.entries()) {
          emit(valueAt(measured, found, index), text);
        }
      }
    },
  };
}

function socketStates(
  kind: "tcp" | "udp",
  key: string,
  help: string,
): Family<Measured> {
  const label = `${kind}_state`;
  return gauge(
    `container_network_${key}_usage_total`,
    help,
    states(kind, key, label),
    [label],
  );
}
