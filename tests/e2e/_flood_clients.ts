/**
 * A separate process of clients that hold connections: `ADDRESS COUNT`, until
 * killed. Half of them are silent; the others send one byte of a request head
 * at times. Connections closed by the agent are opened again. Prints a line
 * once all are open, or the agent has closed one.
 *
 * @module
 */
import { delay } from "./_agent.ts";

const [address = "", count = "0"] = Deno.args;
const HEAD = new TextEncoder().encode(
  `GET /healthz HTTP/1.1\r\nHost: localhost\r\na: ${"b".repeat(10_000)}`,
);
const held = new Set<Deno.Conn>();
let isReported = false;

function report(): void {
  if (isReported) return;
  isReported = true;
  Deno.stdout.writeSync(new TextEncoder().encode(`${held.size} connections\n`));
}

async function connect(): Promise<Deno.Conn> {
  if (address.startsWith("unix:")) {
    return await Deno.connect({ transport: "unix", path: address.slice(5) });
  }
  const { hostname, port } = new URL(address);
  return await Deno.connect({ hostname, port: Number(port) });
}

async function hold(connection: Deno.Conn, drips: boolean): Promise<void> {
  held.add(connection);
  try {
    const closed = connection.read(new Uint8Array(1000)).catch(() => null);
    for (let at = 0; drips && at < HEAD.length && held.has(connection); at++) {
      await connection.write(HEAD.subarray(at, at + 1));
      if (await Promise.race([closed.then(() => true), delay(500)])) break;
    }
    await closed;
  } catch {
    // The connection was reset.
  }
  held.delete(connection);
  connection.close();
  report();
}

for (let opened = 0;; opened++) {
  if (held.size >= Number(count)) {
    report();
    await delay(50);
    continue;
  }
  try {
    void hold(await connect(), opened % 2 === 1);
  } catch {
    await delay(20);
  }
  if (opened % 50 === 0) await delay(1);
}
