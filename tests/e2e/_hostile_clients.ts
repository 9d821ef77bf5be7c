/**
 * A separate process of hostile clients: `ADDRESS SECONDS`. Prints as JSON the
 * number of requests of each kind, and those that were authorized.
 *
 * @module
 */
import { SeededRandom } from "../_support/random.ts";
import { delay } from "./_agent.ts";

const [address = "", seconds = "1"] = Deno.args;
const { hostname, port } = new URL(address);
const endMs = performance.now() + Number(seconds) * 1000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const random = new SeededRandom(Deno.pid);
const counts: Record<string, number> = {};
const letIn: string[] = [];

const GET = "GET /api/v1.3/containers/ HTTP/1.1\r\n";
const HOST = `Host: ${hostname}:${port}\r\n`;

/** Connects, sends, and returns the start of the response; empty if the connection was closed. */
async function send(text: string | Uint8Array): Promise<string> {
  try {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    const writing = (async () => {
      for (let at = 0; at < bytes.length;) {
        at += await connection.write(bytes.subarray(at));
      }
    })();
    writing.catch(() => {});
    const response = new Uint8Array(1000);
    const length = await connection.read(response) ?? 0;
    return decoder.decode(response.subarray(0, length));
  } catch {
    return "";
  }
}

/** Random bytes that end like a request head, so that the server responds. */
function bytesOfChance(length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, () => random.below(256));
  bytes.set(encoder.encode("\r\n\r\n"), length - 4);
  return bytes;
}

function ask(target: string, headers = ""): string {
  return `GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`;
}

/** Requests of each kind of client; none of them may get status 200. */
const ATTACKS: Readonly<Record<string, () => string | Uint8Array>> = {
  "wrong token": () =>
    ask(
      "/metrics",
      `Authorization: Bearer ${
        random.pick(["x", "secre", "secret1", "SECRET", "", " "])
      }\r\n`,
    ),
  "basic instead": () => ask("/readyz", "Authorization: Basic c2VjcmV0\r\n"),
  "path": () =>
    ask(random.pick([
      "/healthz/../readyz",
      "//healthz/../../etc/passwd",
      "/api/v1.3/containers/..%2f..%2f..%2fetc%2fpasswd",
      "/api/v1.3/containers/%00",
      "/healthz%2f..%2freadyz",
      "/./readyz",
      "/HEALTHZ",
      "/api/v1.3/containers/\\..\\..\\etc",
      "http://localhost/readyz",
      "/healthz;/readyz",
    ])),
  "host": () =>
    `${GET}Host: ${
      random.pick(["evil.example", "127.0.0.1.evil.example", "a b", "[::1", ""])
    }\r\nAuthorization: Bearer secret\r\n\r\n`,
  "long address": () => ask(`/${"x".repeat(random.below(200_000) + 9000)}`),
  "long head": () => ask("/readyz", `a: ${"b".repeat(100_000)}\r\n`),
  "many headers": () => ask("/readyz", "a: b\r\n".repeat(20_000)),
  "long body": () =>
    `POST /api/v1.3/containers/ HTTP/1.1\r\n${HOST}Content-Length: 100000000\r\n\r\n${
      "x".repeat(300_000)
    }`,
  "endless chunks": () =>
    `POST /api/v1.3/containers/ HTTP/1.1\r\n${HOST}Authorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n${
      "1000\r\n".concat("x".repeat(4096), "\r\n").repeat(50)
    }`,
  "random bytes": () => bytesOfChance(4 + random.below(5000)),
  "smuggled": () =>
    `POST /healthz HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${
      ask("/readyz")
    }`,
  "tunnel": () => `CONNECT evil.example:80 HTTP/1.1\r\n${HOST}\r\n`,
};

async function attack(name: string): Promise<void> {
  const make = ATTACKS[name];
  while (make !== undefined && performance.now() < endMs) {
    const response = await send(make());
    counts[name] = (counts[name] ?? 0) + 1;
    if (response.startsWith("HTTP/1.1 200")) letIn.push(`${name}: ${response}`);
    await delay(5);
  }
}

/** Opens connections that send nothing, or one byte of a head at times. */
async function hold(name: string, count: number, text: string): Promise<void> {
  const held: Deno.Conn[] = [];
  const opened = async () => {
    for (let at = 0; at < count && performance.now() < endMs; at++) {
      try {
        held.push(await Deno.connect({ hostname, port: Number(port) }));
        counts[name] = held.length;
      } catch {
        await delay(100);
      }
      if (at % 20 === 0) await delay(1);
    }
  };
  await opened();
  for (let at = 0; performance.now() < endMs; at = (at + 1) % text.length) {
    for (const connection of held) {
      await connection.write(encoder.encode(text[at] ?? "")).catch(() => {});
    }
    await delay(1000);
  }
  for (const connection of held) connection.close();
}

await Promise.all([
  ...Object.keys(ATTACKS).map(attack),
  hold("idle", 1000, ""),
  hold("slowloris", 200, `${GET}${HOST}a: ${"b".repeat(1000)}`),
]);
await Deno.stdout.write(encoder.encode(JSON.stringify({ counts, letIn })));
