import type { NetworkDevice } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readInteger, readNames, readValue } from "./sysfs.ts";

/** Loopback and the host's side of container networks, as in cAdvisor. */
const IGNORED_REGEXP = /^(?:lo|veth|docker|nerdctl)/;

/** Older kernels print these instead of −1 (unknown). */
const UNKNOWN_SPEEDS: ReadonlySet<number> = new Set([2 ** 32 - 1, 2 ** 16 - 1]);

/**
 * Reads `/sys/class/net`. `speed` is unreadable without a link, −1 if unknown.
 */
export function readNetworkDevices(fs: HostFs): NetworkDevice[] {
  return readNames(fs, "/sys/class/net").toSorted().flatMap((name) => {
    const directory = `/sys/class/net/${name}`;
    if (IGNORED_REGEXP.test(name)) return [];
    const mtuBytes = readInteger(fs, `${directory}/mtu`);
    const macAddress = readValue(fs, `${directory}/address`);
    // `bonding_masters` is a file, not an interface.
    if (mtuBytes === undefined && macAddress === undefined) return [];
    const speedMbps = readInteger(fs, `${directory}/speed`);
    return [{
      name,
      ...(macAddress !== undefined && { macAddress }),
      ...(speedMbps !== undefined && !UNKNOWN_SPEEDS.has(speedMbps) &&
        { speedMbps }),
      ...(mtuBytes !== undefined && { mtuBytes }),
    }];
  });
}
