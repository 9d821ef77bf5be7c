import { assertEquals } from "@std/assert";
import { kernelLogPaths, readPrivileges } from "../../lib/kernfs/kernel_log.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

Deno.test("kernelLogPaths() returns the device below the host's root, then in /dev, and other paths unchanged", () => {
  const contained = new HostFs({ root: "/rootfs" });
  assertEquals(kernelLogPaths(contained, "/dev/kmsg"), [
    "/rootfs/dev/kmsg",
    "/dev/kmsg",
  ]);
  assertEquals(kernelLogPaths(new HostFs(), "/dev/kmsg"), ["/dev/kmsg"]);
  assertEquals(kernelLogPaths(contained, "/run/kmsg"), ["/run/kmsg"]);
});

Deno.test("readPrivileges() detects a privileged container from its capabilities, and the reason for denied access to the kernel log", () => {
  using root = TestCgroup.create();
  const read = (
    capabilities: string,
    dmesgRestrict: string,
    bounding = capabilities,
  ) => {
    root.file(
      "proc/self/status",
      `Name:\tx\nCapEff:\t${capabilities}\nCapBnd:\t${bounding}\n`,
    )
      .file("proc/sys/kernel/dmesg_restrict", `${dmesgRestrict}\n`);
    const { isPrivileged, kernelLogHint } = readPrivileges(root.hostFs());
    return [isPrivileged, kernelLogHint];
  };
  const rules = "the device rules of an unprivileged container deny access";
  assertEquals(read("000001ffffffffff", "1"), [true, rules]);
  // SYS_PTRACE and DAC_READ_SEARCH, first without SYSLOG, then with it.
  assertEquals(read("0000000000080004", "1"), [
    false,
    "CAP_SYSLOG is missing",
  ]);
  // Docker adds capabilities of other users than root only to the bounding set.
  assertEquals(read("0000000000000000", "1", "0000000400080004"), [
    false,
    "CAP_SYSLOG is granted, but takes effect only for root",
  ]);
  assertEquals(read("0000000000080004", "0"), [false, rules]);
  assertEquals(read("0000000400080004", "1"), [false, rules]);
});
