// Every verb in a pseudo-terminal: names with control characters, 80 columns, colors.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FakeAgent } from "./_fake_agent.ts";
import { Pty, testInPty } from "./_pty.ts";

const EVIL = "evil\x1b[2J\x1b]0;t\x07\x9b31m\x7f\u202e\u2028\r\nend";
const CGROUP = `/docker/${EVIL}`;

const CONTAINER = {
  "namespace": "docker",
  "id": "a".repeat(64),
  "name": EVIL,
  "image": EVIL,
  "aliases": [EVIL],
  "pod": { "namespace": EVIL, "name": EVIL, "uid": EVIL, "container": EVIL },
};

function event(seq: number, type: string, data: unknown): unknown {
  return {
    "seq": seq,
    "boot_id": "b",
    "node": EVIL,
    "timestamp": "2026-11-23T06:31:13.123456Z",
    "event_type": type,
    "container_name": CGROUP,
    "container": CONTAINER,
    "event_data": data,
  };
}

const EVENTS = [
  event(1, "containerCreation", {}),
  event(2, "nodeEvent", { "node_event": { "message": EVIL } }),
  event(3, "lost", { "lost": { "count": 1, "reason": EVIL } }),
  event(4, "containerUpdate", {
    "container_update": { "changed": [EVIL], "health": EVIL },
  }),
  event(5, "oomKill", {
    "oom": {
      "pid": 7,
      "process_name": EVIL,
      "scope": "cgroup",
      "limit_cgroup": CGROUP,
      "victim_cgroup": CGROUP,
      "incident": EVIL,
      "sources": [EVIL],
      "context": {
        "limit_bytes": 2 ** 25,
        "top_tasks": [{ "pid": 7, "process_name": EVIL, "rss_bytes": 1 }],
      },
    },
  }),
];

function evilAgent(): FakeAgent {
  const agent = new FakeAgent();
  agent.containers = [{
    name: CGROUP,
    namespace: "docker",
    id: "a".repeat(64),
    aliases: [EVIL],
    image: EVIL,
    labels: { [EVIL]: EVIL },
    limitBytes: 2 ** 63,
  }];
  agent.events = EVENTS;
  agent.others = {
    "/api/v2.1/machine": { "machine_id": EVIL, [EVIL]: [EVIL] },
    "/api/v2.1/version": EVIL,
    "/readyz": {
      "ready": true,
      "sources": [{ "name": "kmsg", "state": "degraded", "detail": EVIL }],
    },
  };
  return agent;
}

testInPty(
  "no verb lets a name move the cursor or wrap a line of a table",
  async () => {
    await using agent = evilAgent();
    const directory = await Deno.makeTempDir();
    const log = join(directory, "events.ndjson");
    await Deno.writeTextFile(
      log,
      EVENTS.map((one) => `${JSON.stringify(one)}\n`).join(""),
    );
    const server = `--server=${agent.address}`;
    try {
      for (
        const args of [
          ["list", server],
          ["list", server, "-o=json"],
          ["list", server, "-o=ndjson"],
          ["inspect", server, CGROUP],
          ["inspect", server, CGROUP, "-o=json"],
          ["inspect", server, "/none\x1b[2J"],
          ["events", server, "--all"],
          ["events", server, "-o=json"],
          ["events", `--file=${log}`],
          ["events", `--file=${log}`, "-o=ndjson"],
          ["explain", server],
          ["explain", server, "--last"],
          ["explain", server, "--last", "-o=json"],
          ["explain", `--file=${log}`, "5"],
          ["explain", server, "nobody\x1b[2J"],
          ["machine", server],
          ["machine", server, "-o=json"],
          ["version", server],
          ["check", server],
          ["check", server, "-o=json"],
          ["top", server, "--once"],
          [`verb\x1b[2J`],
          ["list", `--sort=\x1b[2J`],
          ["list", `--server=\x1b[2J`],
        ]
      ) {
        await using pty = new Pty([100, 80], args);
        await pty.ended();
        assert(pty.raw.length > 0, args.join(" "));
        assertEquals(pty.screen.strange, [], args.join(" "));
        const isTable = !args.some((arg) => arg.startsWith("-o")) &&
          pty.exitCode === 0 && args[0] !== "check";
        if (isTable) assertEquals(pty.screen.overflows, 0, args.join(" "));
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

testInPty(
  "tables show names and events in 80 columns; times are local, with the offset in the title",
  async () => {
    await using agent = new FakeAgent();
    const name = `/kubepods/burstable/pod${"0".repeat(36)}/${"f".repeat(64)}`;
    agent.containers = [{ name, limitBytes: 2 ** 64, memoryBytes: 2 ** 30 }];
    agent.events = [{
      ...EVENTS[0] as Record<string, unknown>,
      "container_name": name,
      "container": {
        "namespace": "containerd",
        "id": "f".repeat(64),
        "image": "registry.example/shop/cart:4.2",
        "pod": { "namespace": "shop", "name": "cart-0", "container": "cart" },
      },
    }];
    const server = `--server=${agent.address}`;
    const env = { TZ: "Europe/Berlin" };
    await using events = new Pty([24, 80], ["events", server], env);
    await events.ended();
    const [titles, row] = events.screen.lines;
    assertStringIncludes(titles ?? "", "UTC+01:00");
    assertEquals(row?.split(/ {2,}/).slice(0, 3), [
      "11-23 07:31:13",
      "containerCreation",
      "shop/cart-0/cart",
    ]);
    await using list = new Pty([24, 80], ["list", server], env);
    await list.ended();
    const cells = list.screen.lines[1]?.split(/ {2,}/) ?? [];
    assert((cells[0]?.length ?? 0) >= 24, cells[0]);
    assert(cells.includes("1.0 GiB"), cells.join());
    assert(!list.screen.text.includes("18446744073709552000"));
    assertEquals([events.screen.overflows, list.screen.overflows], [0, 0]);
  },
);

testInPty(
  "colors are used on a terminal only, and not with NO_COLOR or TERM=dumb",
  async () => {
    await using agent = evilAgent();
    const args = ["events", `--server=${agent.address}`];
    for (
      const [env, has] of [
        [{}, true],
        [{ NO_COLOR: "1" }, false],
        [{ TERM: "dumb" }, false],
      ] as const
    ) {
      await using pty = new Pty([24, 80], args, env);
      await pty.ended();
      assertEquals(pty.raw.includes("\x1b["), has, JSON.stringify(env));
      // The type is also shown as text.
      assertStringIncludes(pty.screen.text, "oomKill");
    }
  },
);

testInPty(
  "explain fits 80 columns, and lists no more than the terminal shows",
  async () => {
    await using agent = new FakeAgent();
    agent.events = Array.from({ length: 100 }, (_, at) => ({
      ...EVENTS[4] as Record<string, unknown>,
      "seq": at + 1,
      "event_data": {
        "oom": { "process_name": `p${at}`, "incident": `${at}` },
      },
    }));
    const server = `--server=${agent.address}`;
    await using list = new Pty([24, 80], ["explain", server]);
    await list.ended();
    assertStringIncludes(list.screen.lines[1] ?? "", "p99");
    assertStringIncludes(list.screen.text, "80 older");
    assertStringIncludes(list.screen.text, "cgwatch explain SEQ");
    assertEquals(list.screen.overflows, 0);
  },
);

testInPty(
  "explain and check have what matters on the last lines of 80×24",
  async () => {
    await using agent = new FakeAgent();
    const tasks = Array.from({ length: 15 }, (_, at) => ({
      "pid": at,
      "process_name": `p${at}`,
      "rss_bytes": 1,
    }));
    agent.events = [event(1, "oomKill", {
      "oom": {
        "pid": 7,
        "process_name": "java",
        "scope": "cgroup",
        "limit_cgroup": "/demo",
        "victim_cgroup": "/demo",
        "context": { "limit_bytes": 2 ** 25, "top_tasks": tasks },
      },
    })];
    agent.others = {
      "/readyz": {
        "ready": true,
        "sources": [{ "name": "kmsg", "state": "degraded", "detail": "no" }],
      },
    };
    const server = `--server=${agent.address}`;
    for (const [rows, count] of [[24, 2], [50, 1]] as const) {
      await using pty = new Pty([rows, 80], ["explain", server, "--last"]);
      await pty.ended();
      const text = pty.raw.replaceAll(/\s+/g, " ");
      assertEquals(text.split("killer killed java").length - 1, count);
    }
    await using events = new Pty([24, 80], ["events", server]);
    await events.ended();
    assertStringIncludes(events.screen.text, "java[7] limit 32.0 MiB");
    await using check = new Pty([50, 80], ["check", server]);
    await check.ended();
    const states = check.screen.lines.map((line) =>
      /^(?:ok|off|degraded|missing)/.exec(line)?.[0]
    ).filter((state) => state !== undefined);
    const firstBad = states.findIndex((state) => /^[dm]/.test(state));
    assert(firstBad > 0, states.join());
    assert(states.slice(firstBad).every((state) => /^[dm]/.test(state)));
  },
);

testInPty("errors and notes break between words", async () => {
  const words = (text: string) => text.split(/\s+/).filter(Boolean);
  for (
    const args of [
      ["frobnicate"],
      ["list", "--server=unix:/none"],
      ["explain", "--server=unix:/none"],
      ["list", "--since=1h"],
    ]
  ) {
    await using pty = new Pty([24, 60], args);
    await pty.ended();
    assertEquals(pty.screen.overflows, 0, args.join(" "));
    // No word continues on the next line.
    assertEquals(
      words(pty.screen.text),
      words(pty.raw.replaceAll("\r\n", " ")),
      args.join(" "),
    );
  }
});
