import { assertEquals, assertStringIncludes } from "@std/assert";
import { ServerHealth } from "../../lib/api/server_health.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";

Deno.test("ServerHealth is degraded while an address is not served, and for one minute afterwards", () => {
  const clock = new FakeClock();
  const health = new ServerHealth(clock, silentLogger);
  assertEquals(health.state, { name: "http", state: "ok", detail: "" });
  health.failed("unix:/a", new Error("Too many open files"));
  clock.advance(120_000);
  assertEquals(health.state.state, "degraded");
  assertStringIncludes(health.state.detail, "Cannot serve unix:/a");
  assertStringIncludes(health.state.detail, "Too many open files");
  assertEquals(health.restarts, 0);
  health.failed("unix:/a", new Error("Address already in use"));
  health.restarted("unix:/a");
  assertEquals(health.restarts, 1);
  clock.advance(59_999);
  assertEquals(health.state.state, "degraded");
  assertStringIncludes(health.state.detail, "Address already in use");
  clock.advance(1);
  assertEquals(health.state.state, "ok");
});

Deno.test("ServerHealth logs at most once per minute", () => {
  const clock = new FakeClock();
  const warnings: unknown[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: string, fields: unknown) => warnings.push(fields),
  };
  const health = new ServerHealth(clock, logger);
  for (let second = 0; second < 90; second++) {
    health.failed("http://127.0.0.1:1", new Error("Too many open files"));
    health.restarted("http://127.0.0.1:1");
    clock.advance(1000);
  }
  assertEquals(health.restarts, 90);
  assertEquals(
    warnings,
    [0, 60].map((restarts) => ({
      address: "http://127.0.0.1:1",
      error: "Too many open files",
      restarts,
    })),
  );
});
