import { HostFs } from "./host_fs.ts";

/** The device of the kernel log. */
export const KMSG = "/dev/kmsg";

/** `CAP_SYS_ADMIN` and `CAP_SYSLOG` (`capabilities(7)`). */
const CAP_SYS_ADMIN = 21n;
const CAP_SYSLOG = 34n;

/**
 * Paths to try for the kernel log of `--kmsg`, in order. The
 * device is the host's, and so below the host's root; a container may have it
 * in its own `/dev` as well, or there alone. Any other path is as it is named.
 */
export function kernelLogPaths(fs: HostFs, kmsg: string): readonly string[] {
  return kmsg === KMSG ? [...new Set([fs.path(KMSG), KMSG])] : [kmsg];
}

/** Privileges of the agent's own process. */
export interface Privileges {
  /** Whether the container is a privileged one, or none at all. */
  readonly isPrivileged: boolean;
  /** The reason if the kernel log cannot be opened. */
  readonly kernelLogHint: string;
}

/** Reads the privileges of the agent's own process from the `/proc/self` of `ours`. */
export function readPrivileges(ours = new HostFs()): Privileges {
  const status = ours.readText("/proc/self/status") ?? "";
  const [, hex = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const effective = BigInt(`0x${hex}`);
  const has = (capability: bigint) => (effective >> capability & 1n) === 1n;
  const isRestricted =
    ours.readText("/proc/sys/kernel/dmesg_restrict")?.trim() === "1";
  return {
    isPrivileged: has(CAP_SYS_ADMIN),
    kernelLogHint: isRestricted && !has(CAP_SYSLOG) && !has(CAP_SYS_ADMIN)
      ? "CAP_SYSLOG is missing"
      : "the device rules of a container that is not privileged refuse it",
  };
}
