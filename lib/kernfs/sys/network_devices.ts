import type { NetworkDevice } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readCount, readNames, readValue } from "./sysfs.ts";

/** The loopback device, and the ends of containers' own; as in cAdvisor. */
const NOT_OF_THE_MACHINE_REGEXP = /^(?:lo|veth|docker|nerdctl)/;

/** How older kernels print the −1 of an unknown speed: as 32 bits without a sign, and as 16. */
const UNKNOWN_SPEEDS: ReadonlySet<number> = new Set([2 ** 32 - 1, 2 ** 16 - 1]);

/**
 * Reads the interfaces of `/sys/class/net`. Reading `speed` fails where there
 * is no link, and it is −1 where there is no wire.
 */
export function readNetworkDevices(fs: HostFs): NetworkDevice[] {
  return readNames(fs, "/sys/class/net").toSorted().flatMap((name) => {
    const directory = `/sys/class/net/${name}`;
    if (NOT_OF_THE_MACHINE_REGEXP.test(name)) return [];
    const mtuBytes = readCount(fs, `${directory}/mtu`);
    const macAddress = readValue(fs, `${directory}/address`);
    // `bonding_masters` lies there too, and is no interface.
    if (mtuBytes === undefined && macAddress === undefined) return [];
    const speedMbps = readCount(fs, `${directory}/speed`);
    return [{
      name,
      ...(macAddress !== undefined && { macAddress }),
      ...(speedMbps !== undefined && !UNKNOWN_SPEEDS.has(speedMbps) &&
        { speedMbps }),
      ...(mtuBytes !== undefined && { mtuBytes }),
    }];
  });
}
