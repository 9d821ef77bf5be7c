// The agent on a terminal prints readable lines; pipes and files get JSON.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";
import { Pty, testInPty } from "./_pty.ts";

if (CAN_MAKE_CGROUPS) {
  testInPty(
    "agent on a terminal prints one line about its state, then one line per event",
    async () => {
      await using cgroups = new TestCgroups("screen");
      cgroups.make("");
      await using pty = new Pty([24, 120], [
        "--listen=127.0.0.1:0",
        "--kmsg=none",
      ]);
      await pty.shows(
        /^\d+ containers found\. API: http:\/\/127\.0\.0\.1:\d+\//m,
      );
      await pty.shows(/^cgwatch ready http/m);
      // No events from the start, and no JSON.
      assert(!pty.raw.includes("containerCreation"), pty.raw);
      const name = cgroups.make("/\u202eevil\x1b[2J");
      await pty.shows("evil");
      assert(await until(() => /containerCreation/.test(pty.raw)));
      cgroups.remove("/\u202eevil\x1b[2J");
      await pty.shows("containerDeletion");
      assert(!pty.raw.includes('{"seq"'));
      assert(!pty.raw.includes(name));
      assertEquals(pty.screen.strange, []);
      const [titles = ""] = /^.*TIME.*$/m.exec(pty.screen.text) ?? [];
      assertMatch(titles, /^TIME \(UTC\) +TYPE +CONTAINER +WHAT$/);
      const ready = await fetch(
        `http://${/127\.0\.0\.1:\d+/.exec(pty.screen.text)?.[0]}/readyz`,
      );
      const { sources } = await ready.json();
      assertEquals(
        // deno-lint-ignore no-explicit-any
        sources.find(({ name }: any) => name === "event_log").state,
        "off",
      );
      await pty.keys("\x03");
      assertEquals(await pty.ended(), 0);
    },
  );
}
