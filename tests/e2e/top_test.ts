// `top` in a pseudo-terminal: sizes, names with control characters, keys, signals, an agent that
// restarts.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AGENT, delay, until } from "./_agent.ts";
import { FakeAgent, type FakeContainer } from "./_fake_agent.ts";
import { Pty, testInPty } from "./_pty.ts";

const EVIL = "evil\x1b[2J\x1b]0;title\x07\x9b31m\u202e\n名前";

const CONTAINERS: readonly FakeContainer[] = [
  { name: "/", cpu: 2.5, memoryBytes: 2 ** 32, processes: 0 },
  {
    name: "/docker/aaaa",
    namespace: "docker",
    id: "a".repeat(64),
    aliases: ["web", "a".repeat(64)],
    image: "nginx:1",
    cpu: 1.5,
    memoryBytes: 2 ** 28,
    limitBytes: 2 ** 29,
  },
  {
    name: "/docker/bbbb",
    namespace: "docker",
    id: "b".repeat(64),
    aliases: [EVIL],
    image: EVIL,
    labels: { [EVIL]: EVIL },
    cpu: 0.5,
    memoryBytes: 2 ** 30,
  },
  {
    name: "/kubepods/pod1/cccc",
    namespace: "containerd",
    id: "c".repeat(64),
    labels: {
      "io.kubernetes.pod.namespace": "shop",
      "io.kubernetes.pod.name": "cart-0",
      "io.kubernetes.container.name": "cart",
    },
    memoryBytes: 2 ** 20,
  },
  { name: "/system.slice", processes: 0 },
  { name: "/system.slice/cron.service", memoryBytes: 2 ** 21 },
];

async function withTop(
  size: readonly [number, number],
  run: (pty: Pty, agent: FakeAgent) => Promise<void>,
  containers = CONTAINERS,
): Promise<void> {
  await using agent = new FakeAgent();
  agent.containers = containers;
  await using pty = new Pty(size, ["top", `--server=${agent.address}`]);
  await pty.shows("of 4");
  await run(pty, agent);
}

/** Asserts that no unexpected sequences were written and that the terminal is restored. */
function assertRestored({ screen, modes }: Pty): void {
  assertEquals(screen.strange, []);
  assertEquals([screen.isAlternate, screen.isCursorShown], [false, true]);
  assertEquals(modes, [true, true], "echo and lines");
}

for (const size of [[24, 80], [50, 200]] as const) {
  testInPty(
    `top shows containers by name at ${size[1]}×${
      size[0]
    }, including hostile ones, and restores the terminal`,
    async () => {
      await withTop(size, async (pty) => {
        await pty.shows(/web +docker? *150\.0%|web +150\.0%/);
        const { screen } = pty;
        assertEquals(screen.isAlternate, true);
        assertEquals(screen.isCursorShown, false);
        assertStringIncludes(screen.lines[1] ?? "", "CPU 250.0% of 400%");
        // The last column of the screen is shown, too.
        assertEquals(screen.lines[2]?.slice(-5), "  OOM");
        // Sorted by CPU; the root is in the totals, and cgroups without processes are omitted.
        const names = screen.lines.slice(3, 7).map((line) =>
          line.split(/ {2,}/)[0]?.slice(0, 8)
        );
        assertEquals(names, ["web", "evil\\x1b", "cron.ser", "shop/car"]);
        assertEquals(screen.overflows, 0);
        await pty.keys("q");
        assertEquals(await pty.ended(), 0);
        assertRestored(pty);
      });
    },
  );
}

testInPty(
  "top follows the terminal's size, and redraws only changed lines",
  async () => {
    await withTop([24, 80], async (pty) => {
      await pty.shows("web");
      await pty.resize(30, 200);
      await pty.shows("PSI CPU");
      assertEquals(pty.screen.overflows, 0);
      await pty.resize(6, 30);
      await pty.shows(/^cgwatch top/);
      await until(() => !pty.screen.text.includes("PSI"));
      assertEquals(pty.screen.overflows, 0);
      await pty.resize(24, 80);
      await pty.shows("q quit");
      const before = pty.raw.length;
      await until(() => pty.raw.length > before);
      await delay(300);
      // Only the clock changed: one write with the marks of one frame.
      const frames = pty.raw.slice(before).split("\x1b[?2026h").slice(1);
      for (const frame of frames) assert(frame.endsWith("\x1b[?2026l"), frame);
      assert(!frames.join("").includes("nginx"), frames.join(""));
    });
  },
);

testInPty(
  "top sorts, filters, pauses, and shows tree, details and help by its keys",
  async () => {
    await withTop([24, 120], async (pty) => {
      await pty.shows("by cpu");
      await pty.keys("m");
      await pty.shows("by memory");
      assertStringIncludes(pty.screen.lines[3] ?? "", "evil");
      await pty.keys("r");
      await pty.shows("reversed");
      assertStringIncludes(pty.screen.lines[3] ?? "", "shop/cart-0/cart");
      await pty.keys("/type:docker web");
      await pty.shows("filter: type:docker web_");
      await pty.keys("\r");
      await pty.shows(/1 of 6 shown.*filter type:docker web/);
      await pty.keys("\r");
      await pty.shows(/image +nginx:1/);
      assertStringIncludes(pty.screen.text, "cgroup      /docker/aaaa");
      await pty.keys("\x1b");
      await pty.shows("q quit  ?");
      await pty.keys("\x1b");
      await pty.shows("4 of 6 shown");
      await pty.keys("t");
      await pty.shows(/^ {4}cron\.service/m);
      await pty.keys("t?");
      await pty.shows("Keys of cgwatch top");
      await pty.keys("\x1b ");
      await pty.shows("PAUSED");
      await pty.keys("q");
      assertEquals(await pty.ended(), 0);
      assertRestored(pty);
    });
  },
);

testInPty(
  "top restores the terminal while it is stopped, and takes it again",
  async () => {
    await withTop([24, 80], async (pty) => {
      await pty.shows("web");
      for (
        const stop of [() => pty.keys("\x1a"), () => pty.signal("SIGTSTP")]
      ) {
        const { stops } = pty;
        await stop();
        assert(await until(() => pty.stops > stops), "never stopped");
        assertRestored(pty);
        await pty.signal("SIGCONT");
        await pty.shows("web");
        assertEquals(pty.screen.isAlternate, true);
      }
      await pty.keys("\x03");
      assertEquals(await pty.ended(), 0);
      assertRestored(pty);
    });
  },
);

testInPty(
  "top restores the terminal at SIGTERM, at SIGHUP, and on errors",
  async () => {
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      await withTop([24, 80], async (pty) => {
        await pty.signal(signal);
        assertEquals(await pty.ended(), 0);
        assertRestored(pty);
      });
    }
    await withTop([24, 80], async (pty, agent) => {
      agent.isBroken = true;
      assertEquals(await pty.ended(), 1);
      assertRestored(pty);
    });
  },
);

testInPty("top continues when its agent is available again", async () => {
  const first = new FakeAgent();
  first.containers = CONTAINERS;
  const { address } = first;
  await using pty = new Pty([24, 80], ["top", `--server=${address}`]);
  await pty.shows("web");
  await first[Symbol.asyncDispose]();
  await pty.shows("is not reachable since");
  assertStringIncludes(pty.screen.text, "web");
  await using second = new FakeAgent(Number(address.split(":")[1]));
  second.containers = [{ name: "/later", cpu: 1 }];
  await pty.shows("/later");
  assert(!pty.screen.text.includes("not reachable"));
});

testInPty(
  "top shows 3,000 containers, and writes little if little changes",
  async () => {
    const many = Array.from({ length: 3000 }, (_, at): FakeContainer => ({
      name: `/docker/${at}`,
      namespace: "docker",
      id: `${at}`,
      aliases: [`c${at}`],
      memoryBytes: at * 2 ** 20,
      cpu: at / 3000,
    }));
    await using agent = new FakeAgent();
    agent.containers = many;
    await using pty = new Pty([50, 200], [
      "top",
      `--server=${agent.address}`,
      "--sort=memory",
    ]);
    await pty.shows("3000 of 3000 shown");
    assertStringIncludes(pty.screen.lines[3] ?? "", "c2999");
    await pty.keys("\x1b[F");
    await pty.shows(/^c0 /m);
    const { length } = pty.raw;
    const { requests } = agent;
    assert(
      await until(() => agent.requests >= requests + 4),
    );
    const perFrame = (pty.raw.length - length) / 2;
    assert(perFrame < 4000, `${perFrame} characters a frame`);
    assertEquals(pty.screen.overflows, 0);
  },
);

Deno.test("top prints one table with --once and to a pipe", async () => {
  await using agent = new FakeAgent();
  agent.containers = CONTAINERS;
  for (const more of [[], ["--once"]]) {
    const { code, stdout } = await new Deno.Command(AGENT, {
      args: ["top", `--server=${agent.address}`, ...more],
      stdin: "null",
    }).output();
    assertEquals(code, 0);
    const text = new TextDecoder().decode(stdout);
    const [titles = "", ...rows] = text.split("\n");
    assert(titles.startsWith("CONTAINER "), titles);
    assertEquals(rows.length, 5);
    assertStringIncludes(rows[0] ?? "", "150.0%");
    assertEquals(/[\p{Cc}\p{Cf}]/u.test(text.replaceAll("\n", "")), false);
  }
});
