import { assertEquals, assertThrows } from "@std/assert";
import { systemdFactory } from "../../lib/handlers/systemd.ts";

Deno.test("systemdFactory() handles mount units, and accepts none", () => {
  const factory = systemdFactory();
  for (const name of ["/dev-mqueue.mount", "/system.slice/var-lib.mount"]) {
    assertEquals(factory.canHandle(name), true);
    assertEquals(factory.accepts(name), false);
  }
});

Deno.test("systemdFactory() handles nothing else", () => {
  const factory = systemdFactory();
  for (
    const name of ["/", "/system.slice", "/init.scope", "/x.mount/y", "/mount"]
  ) {
    assertEquals(factory.canHandle(name), false);
  }
});

Deno.test("systemdFactory() creates no handlers", () => {
  assertThrows(
    () => systemdFactory().create("/x.mount"),
    Error,
    'Cannot create a handler for mount unit "/x.mount"',
  );
});
