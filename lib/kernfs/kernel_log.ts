import { HostFs } from "./host_fs.ts";

/** Default of `--kmsg`. */
export const KMSG = "/dev/kmsg";

/** `capabilities(7)`. */
const CAP_SYS_ADMIN = 21n;
const CAP_SYSLOG = 34n;

/**
 * Returns the paths to try: for `/dev/kmsg`, the host's, below its root, then
 * the container's own.
 */
export function kernelLogPaths(fs: HostFs, kmsg: string): readonly string[] {
  return kmsg === KMSG ? [...new Set([fs.path(KMSG), KMSG])] : [kmsg];
}

export interface Privileges {
  /** Has CAP_SYS_ADMIN, as in a privileged container. */
  readonly isPrivileged: boolean;
  /** Probable reason if the log cannot be opened. */
  readonly kernelLogHint: string;
}

/** Reads the agent's privileges from `/proc/self/status`. */
export function readPrivileges(ownFs = new HostFs()): Privileges {
  const status = ownFs.readText("/proc/self/status") ?? "";
  const capabilities = (set: string) => {
    const [, hex = "0"] =
      new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(status) ?? [];
    return BigInt(`0x${hex}`);
  };
  const effective = capabilities("CapEff");
  const has = (capability: bigint, set = effective) =>
    (set >> capability & 1n) === 1n;
  const isRestricted =
    ownFs.readText("/proc/sys/kernel/dmesg_restrict")?.trim() === "1";
  return {
    isPrivileged: has(CAP_SYS_ADMIN),
    kernelLogHint: isRestricted && !has(CAP_SYSLOG) && !has(CAP_SYS_ADMIN)
      ? has(CAP_SYSLOG, capabilities("CapBnd"))
        ? "CAP_SYSLOG is granted, but takes effect only for root"
        : "CAP_SYSLOG is missing"
      : "the device rules of an unprivileged container deny access",
  };
}
