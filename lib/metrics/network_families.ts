import { GROUP_COLUMNS } from "../model/sample.ts";
import {
  type ConditionalValues,
  counter,
  type Family,
  gauge,
  ofKinds,
} from "./family.ts";
import { formatLabels } from "./labels.ts";
import {
  type ContainerSnapshot,
  group,
  groupValue,
  has,
} from "./container_snapshot.ts";

const NETWORK: readonly (readonly [
  name: string,
  column: typeof GROUP_COLUMNS.interface[number],
  help: string,
])[] = [
  ["receive_bytes", "rxBytes", "Bytes received."],
  ["receive_packets", "rxPackets", "Packets received."],
  ["receive_packets_dropped", "rxDropped", "Received packets dropped."],
  ["receive_errors", "rxErrors", "Receive errors."],
  ["transmit_bytes", "txBytes", "Bytes sent."],
  ["transmit_packets", "txPackets", "Packets sent."],
  ["transmit_packets_dropped", "txDropped", "Sent packets dropped."],
  ["transmit_errors", "txErrors", "Send errors."],
];

/** Interface names may contain quotes. */
const INTERFACE = {
  labels: (name: string) => formatLabels([["interface", name]]),
};

const INTERFACE_FAMILIES: readonly Family<ContainerSnapshot>[] = NETWORK.map(
  ([name, of, help]) =>
    counter(
      `container_network_${name}_total`,
      help,
      group("interface", of, INTERFACE),
      ["interface"],
    ),
);

/** Network counters and sockets. */
export const NETWORK_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...ofKinds(["network"], INTERFACE_FAMILIES),
  ...ofKinds(["tcp"], [
    socketStates("tcp", "tcp", "TCP sockets (IPv4) by state."),
    socketStates("tcp", "tcp6", "TCP sockets (IPv6) by state."),
  ]),
  ...ofKinds(["advtcp"], [
    gauge(
      "container_network_advance_tcp_stats_total",
      "TCP counters by the kernel's names.",
      states("tcpAdvanced", "", "tcp_state"),
      ["tcp_state"],
    ),
  ]),
  ...ofKinds(["udp"], [
    socketStates(
      "udp",
      "udp",
      "UDP sockets (IPv4), dropped datagrams, and queued bytes.",
    ),
    socketStates(
      "udp",
      "udp6",
      "UDP sockets (IPv6), dropped datagrams, and queued bytes.",
    ),
  ]),
];

/** Emits a group's columns, labeled with their names. */
function states(
  kind: "tcp" | "udp" | "tcpAdvanced",
  key: string,
  label: string,
): ConditionalValues<ContainerSnapshot> {
  const labels = GROUP_COLUMNS[kind]
    .map((name) => `${label}="${name.toLowerCase()}"`);
  return {
    has: has(kind),
    each: (snapshot, emit) => {
      for (const found of snapshot.layout.of(kind)) {
        if (found.key !== key) continue;
        for (const [index, text] of labels.entries()) {
          emit(groupValue(snapshot, found, index), text);
        }
      }
    },
  };
}

function socketStates(
  kind: "tcp" | "udp",
  key: string,
  help: string,
): Family<ContainerSnapshot> {
  const label = `${kind}_state`;
  return gauge(
    `container_network_${key}_usage_total`,
    help,
    states(kind, key, label),
    [label],
  );
}
