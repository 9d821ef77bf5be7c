// Clients that hold every connection that the agent accepts: events, event log and housekeeping
// continue, and the server responds again once the clients are closed.

import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  AGENT,
  AgentProcess,
  delay,
  openSockets,
  readEvents,
  TIMEOUT_MS,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";
import { certificate, HAS_OPENSSL } from "./_certificate.ts";

const CLIENTS = fromFileUrl(new URL("_flood_clients.ts", import.meta.url));
const DENO = fromFileUrl(new URL("../../scripts/deno", import.meta.url));

/** Number of cgroups created and removed during a flood, at intervals of 200 ms. */
const ROUNDS = 25;

interface Flood {
  /** The agent's limit of open files. */
  readonly limit: number;
  readonly connections: number;
  readonly over: "http" | "https" | "unix";
}

const FLOODS: readonly Flood[] = [
  { limit: 256, connections: 600, over: "http" },
  { limit: 256, connections: 600, over: "unix" },
  { limit: 256, connections: 600, over: "https" },
  { limit: 1024, connections: 2_000, over: "http" },
  { limit: await unitLimit(), connections: 5_000, over: "http" },
];

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Returns `LimitNOFILE` of the unit, or the maximum that is allowed here. */
async function unitLimit(): Promise<number> {
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", "ulimit -Hn"],
  }).output();
  const hard = Number(new TextDecoder().decode(stdout));
  return Math.min(65_536, Number.isNaN(hard) ? Infinity : hard);
}

/** Returns a command with a limit of open files. */
function limited(files: number, ...command: string[]): string[] {
  return ["bash", "-c", `ulimit -n ${files} && exec "$@"`, "bash", ...command];
}

async function canHave(files: number): Promise<boolean> {
  const [program = "", ...args] = limited(files, "true");
  return (await new Deno.Command(program, { args, stderr: "null" }).output())
    .success;
}

/** Starts the clients; resolves when they hold all connections they can get. */
async function startFlood(
  address: string,
  { connections }: Flood,
): Promise<Deno.ChildProcess> {
  const [program = "", ...args] = limited(
    connections + 100,
    ...[DENO, "run", "-A", CLIENTS, address, `${connections}`],
  );
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
}

/** Sends a request that must succeed; a connection that was kept open may have been closed. */
async function ask(
  client: Deno.HttpClient,
  url: string,
): Promise<string | undefined> {
  try {
    const response = await fetch(url, { client });
    const text = await response.text();
    return response.status === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}

async function flood(
  directory: string,
  cgroups: TestCgroups,
  kind: Flood,
): Promise<void> {
  const log = join(directory, "log");
  const socket = join(directory, "socket");
  const tls = kind.over === "https" ? await certificate(directory) : undefined;
  const agent = await AgentProcess.start(
    [
      `--event-log=${log}`,
      "--housekeeping-interval=1s",
      "--allow-dynamic-housekeeping=false",
      ...(kind.over === "unix" ? [`--listen=unix:${socket}`] : []),
      ...(tls === undefined
        ? []
        : [`--tls-cert=${tls.cert}`, `--tls-key=${tls.key}`]),
    ],
    {},
    limited(kind.limit, AGENT),
  );
  const url = agent.url.replace("127.0.0.1", "localhost");
  const client = Deno.createHttpClient(
    tls === undefined ? {} : { caCerts: [await Deno.readTextFile(tls.cert)] },
  );
  const kept = cgroups.make("/kept", ["memory"]);
  let clients: Deno.ChildProcess | undefined;
  try {
    await delay(2_000);
    const before = openSockets(agent.pid);
    clients = await startFlood(
      kind.over === "unix" ? `unix:${socket}` : agent.url,
      kind,
    );
    const made = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const name = cgroups.make(`/c${round}`, ["memory"]);
      made.set(name, Date.now());
      await delay(200);
      cgroups.remove(`/c${round}`);
    }
    await delay(500);
    const peak = openSockets(agent.pid);
    clients.kill("SIGKILL");
    await clients.status;
    clients = undefined;
    // A removal without notification is detected within 2 s.
    await until(async () => {
      const removed = new Set(
        (await readEvents(log))
          .filter(({ event_type: type }) => type === "containerDeletion")
          .map(({ container_name: name }) => name),
      );
      return made.keys().every((name) => removed.has(name));
    });
    const events = await readEvents(log);
    const of = (type: string, name: string): WireEvent[] =>
      events.filter((event) =>
        event.event_type === type && event.container_name === name
      );
    for (const [name, madeMs] of made) {
      const [created, ...more] = of("containerCreation", name);
      assertEquals(more, []);
      assert(created !== undefined, `${name} was not reported`);
      assertLess(Date.parse(created.timestamp) - madeMs, TIMEOUT_MS, name);
      assertEquals(of("containerDeletion", name).length, 1, name);
    }
    assert(
      await until(async () => await ask(client, `${url}/healthz`) === "ok"),
      `It does not respond:\n${agent.stderr}`,
    );
    assert(
      await until(() => openSockets(agent.pid) < before + 10),
      `${before} sockets before, ${openSockets(agent.pid)} after`,
    );
    say(
      `sockets: ${before} before, ${peak} during, ${
        openSockets(agent.pid)
      } after`,
    );
    const { stats } = JSON.parse(
      await ask(client, `${url}/api/v1.3/containers${kept}`) ?? "{}",
    );
    const times: number[] = stats.map(({ timestamp }: WireEvent) =>
      Date.parse(timestamp)
    );
    const gaps = times.slice(1).map((ms, at) => ms - (times[at] ?? NaN));
    say(`samples: ${gaps.length}, at most ${Math.max(...gaps)} ms apart`);
    assert(gaps.length >= 3, `${gaps}`);
    assertLess(Math.max(...gaps), TIMEOUT_MS, "between two samples, ms");
    const { ready, sources } = JSON.parse(
      await ask(client, `${url}/readyz`) ?? "{}",
    );
    assertEquals(ready, true);
    const state = sources.find(({ name }: WireEvent) => name === "http")?.state;
    const metrics = await ask(client, `${url}/metrics`) ?? "";
    const restarts = Number(
      /^cgwatch_http_restarts_total (\d+)$/m.exec(metrics)?.[1],
    );
    say(`restarts: ${restarts}`);
    if (kind.connections > kind.limit) {
      assert(restarts > 0);
      assertEquals(state, "degraded");
      assertEquals(agent.stderr.match(/HTTP listener failed/g)?.length, 1);
    } else {
      assert(peak > before + kind.connections * 0.9, `${peak} sockets`);
      assertEquals([restarts, state], [0, "ok"]);
    }
  } finally {
    clients?.kill("SIGKILL");
    client.close();
    const startMs = performance.now();
    assertEquals((await agent.stop()).code, 0, agent.stderr);
    assertLess(performance.now() - startMs, TIMEOUT_MS);
  }
}

for (const kind of FLOODS) {
  const { limit, connections, over } = kind;
  const isAllowed = await canHave(limit) && await canHave(connections + 100);
  Deno.test({
    name:
      `agent with ${limit} open files survives ${connections} connections over ${over}` +
      (isAllowed ? "" : ", skipped: that limit is not allowed"),
    ignore: !CAN_MAKE_CGROUPS || !isAllowed ||
      (over === "https" && !HAS_OPENSSL),
    async fn() {
      const directory = await Deno.makeTempDir();
      await using cgroups = new TestCgroups(`flood${limit}${over}`);
      try {
        await flood(directory, cgroups, kind);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
