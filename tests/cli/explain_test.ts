import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { UsageError } from "../../lib/config/command_line.ts";
import { formatLocal } from "../../lib/model/text.ts";
import {
  EXPLAINED,
  EXPLAINED_NAMES,
  explainFromAgent,
  explainWith,
  storyOf,
} from "../_support/explained_kills.ts";

const LOG = `--file=${EXPLAINED}/container-limit.ndjson`;
const HOST = `--file=${EXPLAINED}/host.ndjson`;

// deno-lint-ignore no-explicit-any
async function json(...args: string[]): Promise<any> {
  return JSON.parse(await explainWith(...args, "-o=json"));
}

Deno.test("explain lists the incidents of a log, newest first", async () => {
  const list = await json(LOG);
  assertEquals(
    list.map(({ seq, container, kills }: Record<string, unknown>) => [
      seq,
      (container as { name: string }).name,
      kills,
    ]),
    [[1042, "web", 1], [998, "web", 1], [901, "web", 1]],
  );
  const host = await json(HOST);
  assertEquals(
    host.map(({ seq, kills }: Record<string, number>) => [seq, kills]),
    [[
      3001,
      2,
    ]],
  );
  const table = await explainWith(HOST);
  assertStringIncludes(table, "host out of memory, 2 processes");
});

Deno.test("explain finds a kill by its seq, and by any name of its container", async () => {
  for (
    const name of ["web", "eac18f0d3b6a", "docker", `/docker`, "1042", "1041"]
  ) {
    const { victims, kills } = await json(name, LOG);
    assertEquals(
      [victims.length, victims[0].pid, kills.log],
      [1, 19801, 3],
      name,
    );
  }
  assertEquals((await json("901", LOG)).victims[0].pid, 1200);
  const pods = `--file=${EXPLAINED}/pod-limit.ndjson`;
  for (const name of ["cart-0", "shop/cart-0", "cart", "shop/cart-0/cart"]) {
    assertEquals((await json(name, pods)).victims[0].pid, 4711, name);
  }
});

Deno.test("explain finds a kill by its local time, and by the process as the kernel logs it", async () => {
  const [newest] = await json(LOG);
  const time = formatLocal(Date.parse(newest.timestamp));
  for (
    const text of [
      time.slice(0, 19),
      time.slice(5, 19),
      "19801",
    ]
  ) {
    assertEquals((await json(text, LOG)).victims[0].pid, 19801, text);
  }
  const pods = `--file=${EXPLAINED}/pod-limit.ndjson`;
  const { victims: [{ process_name: name }] } = await json("4711", pods);
  assertEquals((await json(name, pods)).victims[0].pid, 4711);
  // Several incidents at that time are a list.
  const file = await Deno.makeTempFile();
  try {
    const log = await Deno.readTextFile(`${EXPLAINED}/container-limit.ndjson`);
    await Deno.writeTextFile(
      file,
      log.replaceAll(
        /"timestamp":"[^"]*"/g,
        `"timestamp":"${newest.timestamp}"`,
      ),
    );
    const hour = time.slice(11, 16);
    const found = await json(hour, `--file=${file}`);
    assertEquals(found.map(({ seq }: { seq: number }) => seq), [
      1042,
      998,
      901,
    ]);
    const last = await json(hour, "--last", `--file=${file}`);
    assertEquals(last.victims[0].pid, 19801);
  } finally {
    await Deno.remove(file);
  }
  const error = await assertRejects(() => explainWith("11-01 00:00", LOG));
  assertMatch(
    (error as Error).message,
    /^No OOM kill at "11-01 00:00" is in ".*", which starts at 2026-11-2\d /,
  );
});

Deno.test("explain reports that the event log of an agent may have older kills", async () => {
  const log = { name: "event_log", state: "ok", detail: "/log/e" } as const;
  for (
    const [name, text] of [
      ["host", "03:12"],
      ["host", "nobody"],
      [undefined, "--last"],
      ["host", "--last nobody"],
    ] as const
  ) {
    await assertRejects(
      () => explainFromAgent(name, text.split(" "), [log]),
      Error,
      `cgwatch explain ${text} --file=/log/e`,
    );
  }
  const notes: string[] = [];
  await explainFromAgent(undefined, [], [log], notes);
  assertMatch(notes.join(), /\n {2}cgwatch explain --file=\/log\/e$/);
});

Deno.test("explain reports an agent that does not read the kernel log", async () => {
  const kmsg = { name: "kmsg", state: "degraded", detail: "no file" } as const;
  for (
    const [log, args, isReported] of [
      [undefined, [], true],
      ["counter-only", [], true],
      ["counter-only", ["--last"], true],
      ["container-limit", ["--last"], false],
    ] as const
  ) {
    const notes: string[] = [];
    await explainFromAgent(log, args, [kmsg], notes);
    const isNoted = notes.some((note) =>
      note.includes("does not have the whole kernel log") &&
      note.includes("no file. cgwatch check")
    );
    assertEquals(isNoted, isReported, `${log} ${args}`);
  }
  const notes: string[] = [];
  await explainFromAgent(undefined, [], [{ ...kmsg, state: "ok" }], notes);
  assertEquals(notes, []);
});

Deno.test("explain starts with the selected kill, followed by the others of the incident", async () => {
  for (
    const [args, pids] of [
      [["--last"], [900, 901]],
      [["größe-容器"], [900, 901]],
      [["backup-agent.service"], [901, 900]],
      [["3002"], [901, 900]],
    ] as const
  ) {
    const { victims, kills } = await json(...args, HOST);
    assertEquals(victims.map(({ pid }: { pid: number }) => pid), pids);
    assertEquals(
      kills.of,
      pids[0] === 900 ? "container größe-容器" : "unit backup-agent.service",
    );
  }
});

Deno.test("explain counts the kills of the last hour, the last day, and in the log", async () => {
  const { kills } = await json("1042", LOG);
  assertEquals(kills, {
    of: "container web",
    last_hour: 2,
    last_day: 3,
    log: 3,
    log_since: "2026-11-20T08:00:00.000000Z",
  });
  // Later kills are only in the log.
  const early = await json("901", LOG);
  assertEquals([early.kills.last_hour, early.kills.log], [1, 3]);
});

Deno.test("explain reports an error for an unknown kill or log, with the available ones", async () => {
  await assertRejects(
    () => explainWith("nobody", LOG),
    Error,
    'No OOM kill of "nobody" is in',
  );
  await assertRejects(
    () => explainWith("WE", LOG),
    Error,
    "similar names are web",
  );
  await assertRejects(
    () => explainWith("--last", "--file=/tmp/none.ndjson"),
    UsageError,
    'Cannot find the event log "/tmp/none.ndjson"',
  );
  await assertRejects(() => explainWith("--last", "17", LOG), UsageError);
  for (const time of ["25:99", "3:60", "03:12:60", "13-01 03:12", "3:5"]) {
    for (const more of [[], ["--last"]]) {
      await assertRejects(
        () => explainWith(time, ...more, LOG),
        UsageError,
        `Cannot parse time "${time}": expected a local time such as 03:12,`,
      );
    }
  }
  await assertRejects(
    () => explainWith("/var/log/cgwatch/events.ndjson.1"),
    UsageError,
    "--file=/var/log/cgwatch/events.ndjson.1",
  );
});

Deno.test("explain uses a container name that became known after the kill", async () => {
  const id = "c".repeat(64);
  const unnamed = { "namespace": "containerd", "id": id };
  const pod = { "namespace": "shop", "name": "web-0", "container": "nginx" };
  const event = (
    seq: number,
    type: string,
    container: unknown,
    data: unknown,
  ) =>
    JSON.stringify({
      "seq": seq,
      "boot_id": "b",
      "node": "n",
      "timestamp": `2026-11-23T06:31:1${seq}.000000Z`,
      "event_type": type,
      "container_name": `/kubepods/pod1/${id}`,
      "container": container,
      "event_data": data,
    });
  const oom = { "process_name": "tail", "pid": 7, "incident": "b-1" };
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      file,
      [
        event(1, "containerCreation", unnamed, {}),
        event(2, "oomKill", unnamed, { "oom": oom }),
        event(3, "containerUpdate", { ...unnamed, pod, "image": "nginx" }, {}),
        event(4, "oomKill", { ...unnamed, pod, "image": "nginx" }, {
          "oom": { ...oom, "incident": "b-2" },
        }),
      ].join("\n") + "\n",
    );
    const log = `--file=${file}`;
    for (const [name, pid] of [["2", 2], ["web-0", 4], ["4", 4]] as const) {
      const { victims: [victim], kills } = await json(name, log);
      assertEquals([victim.seq, victim.container.pod], [pid, pod], name);
      assertEquals([kills.of, kills.log], [
        "pod shop/web-0, container nginx",
        2,
      ]);
    }
    const list = await json(log);
    assertEquals(
      list.map(({ container }: { container: unknown }) => container),
      [
        { ...unnamed, pod, image: "nginx" },
        { ...unnamed, pod, image: "nginx" },
      ],
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("explain prints the same story from an agent as from its log", async () => {
  for (const name of EXPLAINED_NAMES) {
    const story = JSON.parse(
      await explainFromAgent(name, ["--last", "-o=json"]),
    );
    const { kills: { log_since: _, ...kills }, ...ofLog } = JSON.parse(
      JSON.stringify(await storyOf(name)),
    );
    assertEquals(story, { ...ofLog, kills }, name);
  }
});
