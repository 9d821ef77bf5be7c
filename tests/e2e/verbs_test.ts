// Each verb with a running agent, over TCP and a unix socket, compared with the API's response.

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
  delay,
  readEvents,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";
import { FakeAgent } from "./_fake_agent.ts";

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

/** An agent on both kinds of address, with a log and a tree of three cgroups. */
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

test("events prints the same as the API, as table, JSON and NDJSON", async (watched) => {
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
    assertMatch(titles ?? "", /^TIME \(UTC.*\) +TYPE +CONTAINER +WHAT$/);
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

test("events reads a log file with its rotated parts, and skips invalid lines", async (watched) => {
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
  assertStringIncludes(stderr, "1 lines of the log are not events");
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

test("events --follow continues after a restart of the agent, without gaps or duplicates", async (watched) => {
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
      const chunk of child.stdout.pipeThrough(new TextDecoderStream())
    ) text += chunk;
  })();
  const reported = (what: string) => until(() => text.includes(what));
  try {
    assert(await reported(`${cgroups.name}/b`));
    cgroups.make("/before");
    assert(await reported("/before"));
    await watched.restart();
    cgroups.make("/after");
    assert(await reported("/after"));
    const seqs = linesOf(text).map((line) => JSON.parse(line).seq);
    assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await reading;
  }
});

test("events --follow reports no loss after a restart of the agent, nor for events before its own start", async (watched) => {
  const { cgroups, socket } = watched;
  const server = `--server=unix:${socket}`;
  const args = ["events", "--follow", "--all", server, "-o=ndjson"];
  const eventsOf = ({ stdout }: Running): WireEvent[] =>
    linesOf(stdout).map((line) => JSON.parse(line));
  await using follow = new Running(...args);
  cgroups.make("/before");
  await follow.writes(`${cgroups.name}/before`);
  await watched.restart();
  const { seq: lastSeq } = eventsOf(follow).at(-1);
  cgroups.make("/after");
  await follow.writes(`${cgroups.name}/after`);
  // A later `seq` is that of another test's event, during the restart.
  const lost = eventsOf(follow).filter(({ event_type: type, seq }) =>
    type === "lost" && seq <= lastSeq
  );
  assertEquals(lost, []);
  const seqs = eventsOf(follow).map(({ seq }) => seq);
  assertEquals(seqs, [...new Set(seqs)].toSorted((a, b) => a - b));
  // The restarted agent does not store the events of the earlier run.
  await using later = new Running(...args);
  await using since = new Running(...args, "--since=1h");
  for (const one of [later, since]) {
    await one.writes(`${cgroups.name}/after`);
    assertEquals(
      eventsOf(one).filter(({ event_type: type }) => type === "lost"),
      [],
    );
  }
  assertEquals(later.stderr, "");
  assertMatch(
    since.stderr,
    /^cgwatch: The agent no longer stores \d+ older events: .*--file=LOG.*\n$/,
  );
});

/** A verb that runs until it is killed, with its output. */
class Running implements AsyncDisposable {
  stdout = "";
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(...args: string[]) {
    this.#child = new Deno.Command(AGENT, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([
      this.#read(this.#child.stdout, (text) => this.stdout += text),
      this.#read(this.#child.stderr, (text) => this.stderr += text),
    ]);
  }

  async writes(text: string): Promise<void> {
    const has = await until(() => this.stdout.includes(text), {
      timeoutMs: 20_000,
    });
    assert(has, `never "${text}":\n${this.stdout}${this.stderr}`);
  }

  async #read(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    add: (text: string) => void,
  ): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      add(text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#reading;
  }
}

test("events --follow misses nothing if a restarted agent numbers from 1 and has emitted more events", async (watched) => {
  const { cgroups, directory } = watched;
  const socket = join(directory, "n");
  const start = () =>
    AgentProcess.start([
      `--listen=unix:${socket}`,
      "--event-log=none",
      "--kmsg=none",
    ]);
  let agent = await start();
  try {
    await using follow = new Running(
      "events",
      cgroups.name,
      "--follow",
      `--server=unix:${socket}`,
      "-o=ndjson",
    );
    await follow.writes(`${cgroups.name}/b`);
    await agent.stop("SIGKILL");
    // At its start it emits more events than the previous run.
    for (let at = 0; at < 50; at++) cgroups.make(`/late${at}`);
    agent = await start();
    cgroups.make("/last");
    await follow.writes(`${cgroups.name}/last`);
    const names = linesOf(follow.stdout).map((line) => JSON.parse(line))
      .filter(({ event_type: type }) => type === "containerCreation")
      .map(({ container_name: name }) => name);
    for (let at = 0; at < 50; at++) {
      const name = `${cgroups.name}/late${at}`;
      assertEquals(names.filter((one) => one === name).length, 1, name);
    }
    assertEquals(linesOf(follow.stderr).length, 1, follow.stderr);
    assertStringIncludes(follow.stderr, "retrying");
  } finally {
    await agent.stop();
  }
});

test("events --follow omits raw cgroups unless --all, a type or a name is given", async (watched) => {
  const { cgroups, socket } = watched;
  const server = `--server=unix:${socket}`;
  const id = "ab".repeat(32);
  await using quiet = new Running("events", "-f", server);
  await using all = new Running("events", "-f", "--all", server);
  await using typed = new Running(
    "events",
    "-f",
    "--type=containerCreation",
    server,
  );
  await all.writes(`${cgroups.name}/b`);
  await typed.writes(`${cgroups.name}/b`);
  cgroups.make(`/docker-${id}.scope`);
  await quiet.writes(id.slice(-8));
  assert(!quiet.stdout.includes(`${cgroups.name}/b`), quiet.stdout);
});

test("list --watch continues after a restart of the agent, with one line on stderr", async (watched) => {
  const { cgroups, socket } = watched;
  await using list = new Running(
    "list",
    cgroups.name,
    "--watch",
    `--server=unix:${socket}`,
  );
  await list.writes(`${cgroups.name}/b`);
  await watched.agent?.stop();
  assert(
    await until(() => list.stderr.includes("retrying"), {
      timeoutMs: 10_000,
    }),
  );
  cgroups.make("/again");
  await delay(3_000);
  await watched.restart();
  await list.writes(`${cgroups.name}/again`);
  assertEquals(linesOf(list.stderr).length, 1, list.stderr);
});

test("list --watch refreshes the list with new containers", async (watched) => {
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

test("list shows each container with its usage, and the JSON of the API", async (watched) => {
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
  // More digits than a double has are printed as the agent sent them.
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

test("inspect, machine and version print the same as the API", async (watched) => {
  const { name } = watched.cgroups;
  for (const server of watched.servers()) {
    const json = JSON.parse(await output("inspect", name, server, "-o=json"));
    const wanted = await watched.api(`/api/v1.3/containers${name}`, {
      "num_stats": 1,
    });
    assertEquals(identityOf(json), identityOf(wanted));
    const table = await output("inspect", name.slice(1), server);
    assertMatch(table, new RegExp(`^name +${name}$`, "m"));
    assertMatch(table, /^spec\.memory\.limit +(max|\d+ \(.*iB\))$/m);
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
  assertStringIncludes(unknown.stderr, 'no container "/none": cgwatch list');
});

Deno.test("a verb that queries an agent sends its token, and reports what is required", async () => {
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
      const [env, message] of [
        [{}, "requires a token"],
        [{ CGWATCH_TOKEN: "no" }, "does not accept this token"],
      ] as const
    ) {
      const refused = await run(ask, { ...env });
      assertEquals([refused.code, refused.stdout], [1, ""]);
      assertStringIncludes(refused.stderr, message);
      assertStringIncludes(
        refused.stderr,
        "--token-file=FILE or CGWATCH_TOKEN",
      );
    }
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a verb exits 1 without an agent, and 2 for invalid usage", async () => {
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
      ["list", "--server=http://127.0.0.1:1/a?b"],
      ["explain", "25:99"],
      ["help", "nope"],
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

Deno.test("a verb that cannot reach an agent reports the reason and the remedy", async () => {
  await using html = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      new Response("<html><h1>It works!</h1></html>", {
        headers: { "content-type": "text/html" },
      }),
  );
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const connection of mute) {
      await connection.write(new TextEncoder().encode("SSH-2.0-OpenSSH_9\r\n"));
      connection.close();
    }
  })().catch(() => {});
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port: closed } = free.addr as Deno.NetAddr;
  free.close();
  const { port } = mute.addr as Deno.NetAddr;
  for (
    const [server, reason, remedy] of [
      ["unix:/none", "there is no such socket", "--listen=unix:/none"],
      ["unix:/etc/passwd", "nothing listens there", "--server="],
      [`127.0.0.1:${closed}`, "nothing listens there", "--listen=127.0.0.1"],
      [`127.0.0.1:${html.addr.port}`, "is not cgwatch", "--server=ADDR"],
      [`127.0.0.1:${port}`, "without an HTTP response", "https://"],
      [`https://127.0.0.1:${html.addr.port}`, "does not use TLS", "http://"],
      ["no.such.invalid:80", "host name has no address", "--server="],
    ] as const
  ) {
    for (const verb of ["list", "top", "explain"]) {
      const { code, stdout, stderr } = await run([verb, `--server=${server}`]);
      assertEquals([code, stdout], [1, ""], server);
      assertStringIncludes(stderr, `"${server}"`);
      assertStringIncludes(stderr, reason);
      assertStringIncludes(stderr, remedy);
      assert(!stderr.includes("<h1>"), stderr);
      // explain can also read a log.
      assert(linesOf(stderr).length <= (verb === "explain" ? 4 : 2), stderr);
      const hasFile = stderr.includes("cgwatch explain --file=/");
      const isAbsent = !stderr.includes("is not cgwatch");
      assertEquals(hasFile, verb === "explain" && isAbsent, stderr);
    }
  }
});

const BINARY = Deno.env.get("CGWATCH_BIN");

Deno.test({
  name: "a verb without permission for the socket reports it" +
    (BINARY ? "" : ", skipped: another user cannot read the source"),
  ignore: !BINARY,
  async fn() {
    const directory = await Deno.makeTempDir();
    await Deno.chmod(directory, 0o755);
    const path = join(directory, "s");
    using _socket = Deno.listen({ transport: "unix", path });
    await Deno.chmod(path, 0o600);
    try {
      const { code, stderr } = await new Deno.Command("setpriv", {
        args: [
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
          AGENT,
          "list",
          `--server=unix:${path}`,
        ],
        stdin: "null",
      }).output();
      assertEquals(code, 1);
      const text = new TextDecoder().decode(stderr);
      assertStringIncludes(text, `"unix:${path}": permission denied`);
      assertStringIncludes(text, "member of the group of the socket");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("check prints the sources of a running agent with their fixes", async () => {
  await using agent = new FakeAgent();
  const kmsg = {
    "name": "kmsg",
    "state": "degraded",
    "detail": "not permitted",
  };
  for (const ready of [true, false]) {
    agent.others = { "/readyz": { ready, "sources": [kmsg] } };
    const server = `--server=${agent.address}`;
    const text = await output("check", server);
    assertMatch(
      text,
      /^(?:degraded|missing) +kmsg .*\n +the agent reports: not permitted\n +lost: .*\n +fix: +\S/m,
    );
    assertMatch(text, /^The agent at .* reports: kmsg: not permitted$/m);
    const rows = JSON.parse(await output("check", server, "-o=json"));
    const row = rows.find(({ name }: { name: string }) => name === "kmsg");
    assertEquals(row.agent, { state: "degraded", detail: "not permitted" });
    assert(row.fix);
  }
});

Deno.test("check reports a kernel log that the agent was started without, and the flag as the fix", async () => {
  await using agent = new FakeAgent();
  for (
    const [state, detail] of [
      ["off", "turned off by --kmsg=none"],
      [
        "degraded",
        "Cannot read the kernel log: No such file or directory (os error 2): stat '/none'",
      ],
    ]
  ) {
    const kmsg = { "name": "kmsg", "state": state, "detail": detail };
    agent.others = { "/readyz": { "ready": true, "sources": [kmsg] } };
    const text = await output("check", `--server=${agent.address}`);
    assertStringIncludes(text, `the agent reports: ${detail}`);
    assertMatch(text, /^ +fix: +start the agent with --kmsg=\/dev\/kmsg/m);
  }
});

Deno.test("check reports an engine whose socket the agent may not use, with the fix", async () => {
  await using agent = new FakeAgent();
  const docker = {
    "name": "docker",
    "state": "off",
    "detail": "no permission for the socket /var/run/docker.sock: names",
  };
  agent.others = { "/readyz": { "ready": true, "sources": [docker] } };
  const root = await Deno.makeTempDir();
  await Deno.mkdir(`${root}/var/run`, { recursive: true });
  // This process may use it.
  using _socket = Deno.listen({
    transport: "unix",
    path: `${root}/var/run/docker.sock`,
  });
  const server = `--server=${agent.address}`;
  const rows = JSON.parse(
    await output("check", server, `--root=${root}`, "-o=json"),
  );
  const row = rows.find(({ name }: { name: string }) => name === "docker");
  assertEquals([row.state, row.agent.state], ["ok", "off"]);
  assertMatch(row.fix, /stat -Lc %G \/var\/run\/docker\.sock|--user=0/);
  await Deno.remove(root, { recursive: true });
});

Deno.test("events reports that no event matches, on stderr", async () => {
  await using agent = new FakeAgent();
  const server = `--server=${agent.address}`;
  for (
    const [args, reason] of [
      [["events", "web"], 'No event of "web" is stored: cgwatch list'],
      [["events", "--since=1h"], "No event is stored with --since"],
      [["events", "--since=00:00"], "No event is stored with --since"],
    ] as const
  ) {
    const { code, stdout, stderr } = await run([...args, server]);
    assertEquals([code, stdout], [0, ""]);
    assertStringIncludes(stderr, reason);
  }
  assertEquals(await output("events", "web", server, "-o=json"), "[]\n");
});

Deno.test("list, top and inspect print the OOM kills of the usage table, not of stored events", async () => {
  await using agent = new FakeAgent();
  agent.containers = [
    { name: "/", oomKills: 1 },
    { name: "/a", memoryBytes: 1, oomKills: 2 },
    { name: "/b", memoryBytes: 1 },
  ];
  // Kills of an earlier run, one without a known container.
  agent.events = ["/a", "/a", "/a", "/b", undefined].map((victim, at) => ({
    "seq": at + 1,
    "timestamp": "2026-11-23T06:31:13.123456Z",
    "event_type": "oomKill",
    "container_name": victim ?? "/",
    "event_data": { "oom": { "victim_cgroup": victim, "historical": true } },
  }));
  const server = `--server=${agent.address}`;
  const killsOf = async (...args: string[]) =>
    linesOf(await output(...args, server)).slice(1).map((row) => {
      const cells = row.split(/ +/);
      return [cells[0], cells.at(-1)];
    });
  const a = ["/a", "2"];
  const b = ["/b", "-"];
  assertEquals(await killsOf("list", "--sort=name"), [["/", "1"], a, b]);
  assertEquals(await killsOf("list", "/a"), [a]);
  assertEquals(await killsOf("top", "--once", "--sort=name"), [a, b]);
  for (const [name, kills] of [["/a", 2], ["b", 0]]) {
    const text = await output("inspect", `${name}`, server);
    assertMatch(text, new RegExp(`^oom_kills +${kills}$`, "m"));
  }
});

test("--server accepts the --url-base-prefix of the agent as the path", async (watched) => {
  const { name } = watched.cgroups;
  const agent = await AgentProcess.start([
    "--url-base-prefix=/mon/cg",
    "--event-log=none",
    "--kmsg=none",
  ]);
  try {
    for (const path of ["/mon/cg", "/mon/cg/"]) {
      const server = `--server=${agent.url}${path}`;
      for (const verb of ["list", "top", "events", "inspect"]) {
        const text = await output(
          verb,
          name,
          server,
          ...(verb === "top" ? ["--all"] : []),
        );
        assertStringIncludes(text, name, verb);
      }
      assertStringIncludes(await output("version", server), "agent ");
      assertMatch(await output("check", server), /^The agent at .* reports/m);
    }
    for (const server of [agent.url, `${agent.url}/mon`]) {
      for (const args of [["list"], ["inspect", "a"], ["top"], ["explain"]]) {
        const { code, stdout, stderr } = await run([
          ...args,
          `--server=${server}`,
        ]);
        assertEquals([code, stdout], [1, ""]);
        assertStringIncludes(stderr, "Unknown path");
        assertStringIncludes(stderr, `--server=${agent.url}/PREFIX`);
      }
    }
    assertStringIncludes(
      await output("check", `--server=${agent.url}`),
      "Unknown path",
    );
  } finally {
    await agent.stop();
  }
  const { stderr } = await run(["list", "--server=nowhere"]);
  assertStringIncludes(stderr, "https://host:port");
});

Deno.test("--server accepts a port of this machine", async () => {
  await using agent = new FakeAgent();
  agent.containers = [{ name: "/", memoryBytes: 1 }];
  const [, port = ""] = agent.address.split(":");
  for (const server of [port, `:${port}`]) {
    assertMatch(await output("list", `--server=${server}`), /^\/ /m);
  }
});

Deno.test("top accepts a filter as its argument, and a sort key as people write it", async () => {
  await using agent = new FakeAgent();
  agent.containers = ["/web", "/db", "/web-2"].map((name, at) => ({
    name,
    memoryBytes: 2 ** (20 + at),
  }));
  const server = `--server=${agent.address}`;
  for (const key of ["mem", "%MEM", "Memory"]) {
    const text = await output("top", "web", "-s", key, server);
    const names = linesOf(text).slice(1).map((line) => line.split(" ")[0]);
    assertEquals(names, ["/web-2", "/web"]);
  }
});

Deno.test("top reports that nothing matches a filter, on stderr", async () => {
  await using agent = new FakeAgent();
  agent.containers = [{ name: "/web", memoryBytes: 1 }];
  const server = `--server=${agent.address}`;
  for (
    const [args, reason] of [
      [["nope"], 'matches "nope": cgwatch list prints the names'],
      [["--filter=nope"], 'matches "nope": cgwatch list prints the names'],
      [["type:foo"], 'matches "type:foo": the types are cgroup'],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(
      ["top", ...args, "--once", server],
    );
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `No container ${reason}`);
  }
});

Deno.test("list, inspect and events suggest names that contain an unknown name", async () => {
  await using agent = new FakeAgent();
  agent.containers = [{ name: "/" }, { name: "/busybox", memoryBytes: 1 }];
  const server = `--server=${agent.address}`;
  for (const name of ["busy", "/busy", "/busy/"]) {
    for (const verb of ["list", "inspect", "events"]) {
      const { code, stdout, stderr } = await run([verb, name, server]);
      assertEquals([code, stdout], [verb === "events" ? 0 : 1, ""], verb);
      assertStringIncludes(stderr, `"${name}"`);
      assertStringIncludes(stderr, ": similar names are /busybox\n");
    }
  }
  const { stderr } = await run(["events", "/busybox", server]);
  assertEquals(stderr, 'cgwatch: No event of "/busybox" is stored\n');
});

Deno.test("inspect omits times without value", async () => {
  await using agent = new FakeAgent();
  agent.others = {
    "/api/v2.1/machine": {
      "num_cores": 4,
      "timestamp": "0001-01-01T00:00:00Z",
    },
  };
  const text = await output("machine", `--server=${agent.address}`);
  assertEquals(text, "num_cores  4\n");
});

Deno.test("explain without an agent names the log with the same arguments", async () => {
  for (const args of [["--last", "web"], ["--last"], ["web"]]) {
    const { stderr } = await run(["explain", ...args, "--server=unix:/none"]);
    assertStringIncludes(stderr, `cgwatch explain ${args.join(" ")} --file=/`);
  }
});

Deno.test("inspect and list find a container without memory limit by its name", async () => {
  await using agent = new FakeAgent();
  const limitBytes = 2 ** 63;
  agent.containers = [
    { name: "/", limitBytes },
    { name: "/docker/aa", namespace: "docker", aliases: ["web"], limitBytes },
    { name: "/docker/ab", namespace: "docker", aliases: ["db"], limitBytes },
  ];
  const server = `--server=${agent.address}`;
  assertMatch(await output("inspect", "web", server), /^name +\/docker\/aa$/m);
  const json = await output("inspect", "web", server, "-o=json");
  // Written as in the response, not rounded.
  assertStringIncludes(json, '"limit": 9223372036854776000');
  for (const verb of ["inspect", "list"]) {
    const { code, stderr } = await run([verb, "WE", server]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, 'no container "WE": similar names are web');
  }
  const [, row = "", ...rows] = linesOf(await output("list", "db", server));
  assertEquals([row.split(" ")[0], rows], ["db", []]);
});

Deno.test("--listen accepts a host name with a port, and reports that format for one without", async () => {
  const agent = await AgentProcess.start([
    "--listen=localhost:0",
    "--event-log=none",
    "--kmsg=none",
  ]);
  await agent.stop();
  assertMatch(agent.stderr, /^cgwatch ready( http:\/\/\S+:\d+){2}$/m);
  const { code, stderr } = await run(["--listen=localhost"]);
  assertEquals(code, 2);
  assertMatch(stderr, /--listen: .*"localhost".*127\.0\.0\.1:8080/);
});

Deno.test("check, help and version require neither agent nor root", async () => {
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
        env: {
          DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
          container: "podman",
        },
      }).output()).stdout,
    );
  const rows = JSON.parse(await output("check", "-o=json"));
  const names = rows.map(({ name }: { name: string }) => name);
  for (const name of ["cgroups", "kmsg", "pressure", "inotify", "docker"]) {
    assert(names.includes(name), name);
  }
  const heads = linesOf(await output("check")).filter((line) =>
    /^(?:ok|missing|off) /.test(line)
  );
  assertEquals(heads.length, rows.length);
  // Each missing source has one command or line as its fix.
  assertMatch(
    await output("check", "--kmsg=/none"),
    /^missing +kmsg .*\n +lost: processes and reasons of OOM kills.*\n +fix: +\S/m,
  );
  const missing = JSON.parse(
    await output("check", "--root=/none", "--kmsg=/none", "-o=json"),
  ).filter(({ state }: { state: string }) => state === "missing");
  assert(missing.length > 5);
  for (const { name, lost, fix } of missing) assert(lost && fix, name);
  const none = await output("check", "--root=/none");
  assertMatch(none, /^missing +cgroups /m);
  assertMatch(none, /^missing +oom_counter .*'\/none\/proc\/vmstat'$/m);
  assertMatch(
    none,
    /^missing +inotify .*'\/none\/proc\/sys\/fs\/inotify\/max_user_watches'$/m,
  );
  assert(!none.includes("NaN"), none);
  // From source, an unprivileged user cannot read the checkout.
  if (Deno.env.get("CGWATCH_BIN")) {
    assertEquals(
      JSON.parse(await asNobody("check", "-o=json")).length,
      rows.length,
    );
    // Only root receives capabilities of a container.
    const { fix } = JSON.parse(await asNobody("check", "-o=json"))
      .find(({ name }: { name: string }) => name === "descriptors");
    assertMatch(fix, /^docker run: --user=0 --pid=host --cap-add=SYS_PTRACE /);
  }
  assertMatch(await output("--version"), /^cgwatch \d/);
});
