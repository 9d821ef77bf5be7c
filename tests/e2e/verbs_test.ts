// Each verb against a running agent, over TCP and a unix socket, compared with what its API says.

import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import {
  AGENT,
  AgentProcess,
  readEvents,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(AGENT, {
    args,
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assertEquals(code, 0, stderr);
  return stdout;
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** An agent on both kinds of address, with a log, and a cgroup of three that it knows. */
class Watched implements AsyncDisposable {
  readonly cgroups = new TestCgroups("verbs");
  directory = "";
  log = "";
  socket = "";
  agent: AgentProcess | undefined;

  static async start(): Promise<Watched> {
    const watched = new Watched();
    watched.directory = await Deno.makeTempDir();
    watched.log = join(watched.directory, "events.ndjson");
    watched.socket = join(watched.directory, "s");
    for (const below of ["", "/a", "/b"]) watched.cgroups.make(below);
    await watched.restart();
    return watched;
  }

  async restart(): Promise<void> {
    await this.agent?.stop();
    this.agent = await AgentProcess.start([
      `--listen=unix:${this.socket}`,
      `--event-log=${this.log}`,
      "--kmsg=none",
    ]);
  }

  get url(): string {
    return this.agent?.url ?? "";
  }

  servers(): string[] {
    return [
      `--server=${this.url.replace("http://", "")}`,
      `--server=${this.url}`,
      `--server=unix:${this.socket}`,
    ];
  }

  // deno-lint-ignore no-explicit-any
  async api(path: string, body?: unknown): Promise<any> {
    const response = await fetch(this.url + path, {
      ...(body === undefined
        ? {}
        : { method: "POST", body: JSON.stringify(body) }),
    });
    return await response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.stop();
    await this.cgroups[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

function test(name: string, fn: (watched: Watched) => Promise<void>): void {
  Deno.test({
    name: name + (CAN_MAKE_CGROUPS ? "" : ", skipped: no cgroup can be made"),
    ignore: !CAN_MAKE_CGROUPS,
    async fn() {
      await using watched = await Watched.start();
      await fn(watched);
    },
  });
}

test("events tells what the API tells, as a table, JSON and lines of JSON", async (watched) => {
  const { name } = watched.cgroups;
  watched.cgroups.remove("/b");
  const path =
    `/api/v1.3/events${name}?subcontainers=true&max_events=-1&all_events=true`;
  assert(await until(async () => (await watched.api(path)).length === 4));
  const wanted: WireEvent[] = await watched.api(path);
  for (const server of watched.servers()) {
    const json = await output("events", name, server, "-o=json");
    assertEquals(JSON.parse(json), wanted);
    const lines = linesOf(await output("events", name, server, "-o", "ndjson"));
    assertEquals(lines.map((line) => JSON.parse(line)), wanted);
    const [titles, ...rows] = linesOf(await output("events", server, name));
    assertMatch(titles ?? "", /^TIME +TYPE +CONTAINER +WHAT$/);
    assertEquals(
      rows.map((row) => row.split(/  +/).slice(1, 3)),
      wanted.map((event) => [event.event_type, event.container_name]),
    );
  }
  const [server = ""] = watched.servers();
  const some = await output(
    "events",
    name,
    server,
    "--type=containerDeletion",
    "-o=json",
  );
  assertEquals(
    JSON.parse(some).map((event: WireEvent) => event.container_name),
    [`${name}/b`],
  );
  assertEquals(await output("events", "/none", server, "-o=json"), "[]\n");
  assertEquals(
    JSON.parse(await output("events", name, server, "--since=1h", "-o=json")),
    wanted,
  );
  assertEquals(
    await output("events", name, server, "--since=0s", "-o=json"),
    "[]\n",
  );
});

test("events reads a log file with its rotated parts, and passes over what is no event", async (watched) => {
  const { log, cgroups } = watched;
  const path =
    `/api/v1.3/events${cgroups.name}?subcontainers=true&max_events=-1`;
  const wanted: WireEvent[] = await watched.api(path);
  assert(
    await until(async () => (await readEvents(log)).length >= wanted.length),
  );
  await watched.agent?.stop();
  const lines = (await Deno.readTextFile(log)).split("\n");
  await Deno.writeTextFile(
    `${log}.2`,
    `${lines.slice(0, 2).join("\n")}\n{"seq":1,"torn`,
  );
  await Deno.writeTextFile(`${log}.1`, `${lines.slice(2, 3).join("\n")}\n`);
  await Deno.writeTextFile(log, lines.slice(3).join("\n"));
  const { stdout, stderr, code } = await run([
    "events",
    `--file=${log}`,
    "-o=ndjson",
  ]);
  assertEquals(code, 0);
  assertEquals(linesOf(stdout), lines.slice(0, -1));
  assertStringIncludes(stderr, "1 lines of the log are no events");
  const mine = await output(
    "events",
    cgroups.name,
    `--file=${log}`,
    "-o=json",
    "--type=containerCreation",
  );
  assertEquals(JSON.parse(mine).length, 3);
  assertEquals((await run(["events", `--file=${log}.9`])).code, 2);
  assertEquals((await run(["events", `--file=${log}`, "--follow"])).code, 2);
});

test("events --follow goes on after a restart of the agent, with no event twice and none missing", async (watched) => {
  const { cgroups, socket } = watched;
  const child = new Deno.Command(AGENT, {
    args: [
      "events",
      cgroups.name,
      "--follow",
      `--server=unix:${socket}`,
      "-o=ndjson",
      "--type=containerCreation,containerDeletion",
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (
      const piece of child.stdout.pipeThrough(new TextDecoderStream())
    ) text += piece;
  })();
  const told = (what: string) =>
    until(() => text.includes(what), { timeoutMs: 15_000 });
  try {
    assert(await told(`${cgroups.name}/b`));
    cgroups.make("/before");
    assert(await told("/before"));
    await watched.restart();
    cgroups.make("/after");
    assert(await told("/after"));
    const seqs = linesOf(text).map((line) => JSON.parse(line).seq);
    assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await reading;
  }
});

test("list --watch shows the list anew, with what has come", async (watched) => {
  const { cgroups } = watched;
  const child = new Deno.Command(AGENT, {
    args: ["list", cgroups.name, `--server=unix:${watched.socket}`, "--watch"],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (text === "") cgroups.make("/late");
    text += part;
    if (!text.includes(`${cgroups.name}/late`)) continue;
    child.kill("SIGTERM");
    break;
  }
  await child.status;
  const [first = "", ...others] = text.split(/^CONTAINER.*\n/m).slice(1);
  assertStringIncludes(first, `${cgroups.name}/a`);
  assert(!first.includes(`${cgroups.name}/late`));
  assertStringIncludes(others.at(-1) ?? "", `${cgroups.name}/late`);
});

test("list shows each container with what it uses, and the JSON of the API", async (watched) => {
  const { name } = watched.cgroups;
  for (const server of watched.servers()) {
    const [titles, ...rows] = linesOf(await output("list", name, server));
    assertMatch(
      titles ?? "",
      /^CONTAINER +CPU +MEMORY +LIMIT +IO\/S +PROCS +OOM$/,
    );
    assertEquals(rows.map((row) => row.split(" ")[0]), [
      name,
      `${name}/a`,
      `${name}/b`,
    ]);
    const json = JSON.parse(await output("list", name, server, "-o=json"));
    const wanted = await watched.api(`/api/v1.3/subcontainers${name}`, {
      "num_stats": 2,
    });
    assertEquals(json.map(identityOf), wanted.map(identityOf));
    assertEquals(
      linesOf(await output("list", name, server, "-o=ndjson")).length,
      3,
    );
  }
  const [server = ""] = watched.servers();
  // More digits than a double has stay as the agent wrote them.
  const text = await output("list", "/", server, "-o=json");
  assert(!text.includes("e+18") && !text.includes("18446744073709552000"));
  const sorted = linesOf(await output("list", server, "--sort=memory")).slice(
    1,
  );
  assertGreater(sorted.length, 2);
});

// deno-lint-ignore no-explicit-any
function identityOf({ name, spec, subcontainers }: any): unknown {
  return { name, spec, subcontainers };
}

test("inspect, machine and version tell what the API tells", async (watched) => {
  const { name } = watched.cgroups;
  for (const server of watched.servers()) {
    const json = JSON.parse(await output("inspect", name, server, "-o=json"));
    const wanted = await watched.api(`/api/v1.3/containers${name}`, {
      "num_stats": 1,
    });
    assertEquals(identityOf(json), identityOf(wanted));
    const table = await output("inspect", name.slice(1), server);
    assertMatch(table, new RegExp(`^name +${name}$`, "m"));
    assertMatch(table, /^spec\.memory\.limit +(none|\d+ \(.*iB\))$/m);
    const { version } = JSON.parse(await output("version", server, "-o=json"));
    assertEquals(
      await output("version", server),
      `cgwatch ${version}\nagent ${version}\n`,
    );
    const machine = await watched.api("/api/v2.1/machine");
    if (machine.error === undefined) {
      assertEquals(
        JSON.parse(await output("machine", server, "-o=json")),
        machine,
      );
      assertMatch(
        await output("machine", server),
        new RegExp(`^num_cores +${machine.num_cores}$`, "m"),
      );
    }
  }
  const [server = ""] = watched.servers();
  const unknown = await run(["inspect", "/none", server]);
  assertEquals([unknown.code, unknown.stdout], [1, ""]);
  assertStringIncludes(unknown.stderr, 'Unknown container "/none"');
});

Deno.test("a verb that asks an agent shows its token, and says what it lacks", async () => {
  const directory = await Deno.makeTempDir();
  const tokens = join(directory, "tokens");
  await Deno.writeTextFile(tokens, "# ours\nsecret\nother\n", { mode: 0o600 });
  const agent = await AgentProcess.start([
    "--event-log=none",
    "--kmsg=none",
    `--auth-token-file=${tokens}`,
  ]);
  try {
    const ask = ["list", `--server=${agent.url}`, "-o=ndjson"];
    assertEquals((await run([...ask, `--token-file=${tokens}`])).code, 0);
    assertEquals((await run(ask, { CGWATCH_TOKEN: "other" })).code, 0);
    for (
      const refused of [await run(ask), await run(ask, { CGWATCH_TOKEN: "no" })]
    ) {
      assertEquals([refused.code, refused.stdout], [1, ""]);
      assertStringIncludes(refused.stderr, "Cannot answer without a token");
    }
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a verb fails with 1 where no agent is, and with 2 where it is used wrongly", async () => {
  for (const verb of ["events", "list", "machine", "inspect"]) {
    const { code, stderr } = await run([
      verb,
      "--server=unix:/none",
      ...(verb === "inspect" ? ["/a"] : []),
    ]);
    assertEquals(code, 1, verb);
    assertStringIncludes(stderr, 'Cannot reach the agent at "unix:/none"');
  }
  for (
    const args of [
      ["list", "--server=nowhere"],
      ["list", "--sort=age"],
      ["list", "--follow"],
      ["inspect"],
      ["events", "--type=birth"],
      ["events", "--since=soon"],
      ["events", "-o=xml"],
      ["machine", "/a"],
      ["help", "me"],
      ["list", "--token-file=/none"],
    ]
  ) assertEquals((await run(args)).code, 2, args.join(" "));
});

Deno.test("check, help and version need neither agent nor root", async () => {
  const asNobody = async (...args: string[]) =>
    new TextDecoder().decode(
      (await new Deno.Command("setpriv", {
        args: [
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
          AGENT,
          ...args,
        ],
        stdin: "null",
        env: { DENO_DIR: Deno.env.get("DENO_DIR") ?? "" },
      }).output()).stdout,
    );
  const rows = JSON.parse(await output("check", "-o=json"));
  const names = rows.map(({ name }: { name: string }) => name);
  for (const name of ["cgroups", "kmsg", "pressure", "inotify", "docker"]) {
    assert(names.includes(name), name);
  }
  assertEquals(linesOf(await output("check")).length, rows.length);
  assertMatch(
    await output("check", "--kmsg=/none"),
    /^missing kmsg .*lost: .*granted by: .*CAP_SYSLOG/m,
  );
  assertMatch(await output("check", "--root=/none"), /^missing cgroups /m);
  // From source, nobody can read the checkout.
  if (Deno.env.get("CGWATCH_BIN")) {
    assertEquals(
      JSON.parse(await asNobody("check", "-o=json")).length,
      rows.length,
    );
  }
  assertMatch(await output("--version"), /^cgwatch \d/);
});
