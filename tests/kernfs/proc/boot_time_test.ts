import {
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import { BootTime, parseUptime } from "../../../lib/kernfs/proc/boot_time.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";

Deno.test("parseUptime() reads the seconds since boot", () => {
  assertEquals(parseUptime("1760.24 3391.07\n"), 1760.24);
  assertEquals(parseUptime("12"), 12);
});

Deno.test("parseUptime() throws on an invalid number, with the file", () => {
  for (const text of ["", "x 1", "-1 2", "1.2.3 4", " 1 2"]) {
    assertThrows(
      () => parseUptime(text, "/host/proc/uptime"),
      KernfsSyntaxError,
      'Cannot parse "/host/proc/uptime"',
    );
  }
});

Deno.test("BootTime counts from boot", () => {
  const boot = new BootTime();
  assertEquals(boot.wallMs(40_500_250, 1_000_000, 100), 940_500.25);
});

Deno.test("BootTime never returns a future time, although uptime is rounded down", () => {
  const boot = new BootTime();
  assertEquals(boot.wallMs(100_009_000, 1_000_000, 100), 1_000_000);
});

Deno.test("BootTime keeps records in order across an uptime step", () => {
  const boot = new BootTime();
  const first = boot.wallMs(99_000_000, 1_000_009, 100);
  const second = boot.wallMs(99_000_100, 1_000_010, 100.01);
  const third = boot.wallMs(99_000_200, 1_000_019, 100.01);
  assertLess(Math.abs(first - second), 10);
  assertLess(second, third);
});

Deno.test("BootTime keeps two records in order if the estimate of the boot time becomes lower between them", () => {
  const boot = new BootTime();
  // 7 ms lower for the second record, which is 21 µs later.
  const oom = boot.wallMs(99_000_000, 1_000_008, 100);
  const kill = boot.wallMs(99_000_021, 1_000_011, 100.01);
  assertLess(oom, kill);
  assertLess(kill - oom, 0.022);
  // Later records have the lower estimate.
  assertEquals(boot.wallMs(99_100_000, 1_000_111, 100.11), 999_101);
  assertEquals(boot.wallMs(99_000_010, 1_000_111, 100.11), 999_001.01);
});

Deno.test("BootTime keeps records in order whenever each is read", () => {
  const boot = new BootTime();
  let last = 0;
  let usec = 90_000_000;
  for (let at = 0; at < 2000; at++) {
    usec += (at * 7919) % 20_000;
    const readMs = usec / 1000 + 1000 + (at * 104_729) % 9;
    const uptimeSeconds = Math.floor(readMs / 10) / 100;
    const wallMs = boot.wallMs(usec, 1_000_000 + readMs, uptimeSeconds);
    assertLessOrEqual(last, wallMs);
    last = wallMs;
    assertLess(Math.abs(wallMs - 1_000_000 - usec / 1000), 10);
  }
});

Deno.test("BootTime follows a clock that is set", () => {
  const boot = new BootTime();
  assertEquals(boot.wallMs(1_000_000, 1_000_000, 100), 901_000);
  assertEquals(boot.wallMs(1_000_000, 4_600_000, 100), 4_501_000);
  assertEquals(boot.wallMs(1_000_000, 1_000_000, 100), 901_000);
});
