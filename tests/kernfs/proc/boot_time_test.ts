import { assertEquals, assertLess, assertThrows } from "@std/assert";
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

Deno.test("BootTime follows a clock that is set", () => {
  const boot = new BootTime();
  assertEquals(boot.wallMs(1_000_000, 1_000_000, 100), 901_000);
  assertEquals(boot.wallMs(1_000_000, 4_600_000, 100), 4_501_000);
  assertEquals(boot.wallMs(1_000_000, 1_000_000, 100), 901_000);
});
