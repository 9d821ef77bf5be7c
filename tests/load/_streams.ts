/**
 * An actor that opens event streams: half of them are read, a quarter only at
 * the end, and a quarter a little at times. Reports the received events.
 *
 * @module
 */
import { delay, until } from "../e2e/_agent.ts";
import { readTask, waitForFinish, writeReport } from "./_actor.ts";

/** Way of reading a stream. */
export type Reader = "eager" | "sluggish" | "stalled";

/** Report of one stream. */
export interface StreamReport {
  readonly kind: string;
  readonly types: readonly string[];
  readonly reader: Reader;
  /** The `seq` of the last event, received or reported as lost. */
  readonly last: number;
  readonly events: number;
  /** Events covered by `lost` lines, and the number of such lines. */
  readonly lost: number;
  readonly lostLines: number;
  /** Events with a `seq` not larger than the previous one. */
  readonly disorder: number;
  /** Whether the agent closed the stream. */
  readonly hasEnded: boolean;
}

/** Readers of each kind. */
const READERS: readonly Reader[] = Array.from(
  { length: 4 },
  () => ["eager", "sluggish", "eager", "stalled"] as const,
).flat();

/** Bytes per read of a sluggish reader: enough for the kernel to reopen the TCP window. */
const SIP_BYTES = 2 ** 20;
const SIP_PAUSE_MS = 40_000;

const ALL_TYPES: readonly string[] = [];

const KINDS: readonly (readonly [
  kind: string,
  query: string,
  accept: string,
  types: readonly string[],
])[] = [
  ["ndjson", "", "*/*", ALL_TYPES],
  ["heartbeats", "&heartbeat=1s", "*/*", ALL_TYPES],
  ["sse", "", "text/event-stream", ALL_TYPES],
  [
    "creations, kills",
    "&creation_events=true&oom_kill_events=true&subcontainers=true",
    "*/*",
    ["containerCreation", "oomKill"],
  ],
];

const LINE_REGEXP =
  /"seq":(\d+),.*?"event_type":"(\w+)"(?:.*"lost":\{"count":(\d+))?/;

/** A stream over its own connection. */
class Stream {
  readonly #kind: typeof KINDS[number];
  readonly #reader: Reader;
  readonly #decoder = new TextDecoder("latin1");
  readonly #dechunker = new Dechunker();
  #rest = "";
  #connection: Deno.TcpConn | undefined;
  #last = 0;
  #events = 0;
  #lost = 0;
  #lostLines = 0;
  #disorder = 0;
  #hasEnded = false;
  #isClosed = false;

  constructor(kind: typeof KINDS[number], reader: Reader) {
    this.#kind = kind;
    this.#reader = reader;
  }

  get last(): number {
    return this.#last;
  }

  get isFiltered(): boolean {
    return this.#kind[3].length > 0;
  }

  get report(): StreamReport {
    return {
      kind: this.#kind[0],
      types: this.#kind[3],
      reader: this.#reader,
      last: this.#last,
      events: this.#events,
      lost: this.#lost,
      lostLines: this.#lostLines,
      disorder: this.#disorder,
      hasEnded: this.#hasEnded,
    };
  }

  async open({ hostname, port, host }: URL, sinceSeq: number): Promise<void> {
    const [, query, accept] = this.#kind;
    this.#connection = await Deno.connect({ hostname, port: Number(port) });
    await this.#connection.write(new TextEncoder().encode(
      `GET /api/v1.3/events?stream=true&since_seq=${sinceSeq}${query} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${accept}\r\n\r\n`,
    ));
  }

  /** Reads up to the limit or the end; returns whether more may follow. */
  async read(limitBytes = () => Infinity): Promise<boolean> {
    const connection = this.#connection;
    if (connection === undefined) return false;
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let read = 0; read < limitBytes();) {
        const length = await connection.read(buffer);
        if (length === null) break;
        read += length;
        this.#takeBytes(buffer.subarray(0, length));
        if (read >= limitBytes()) return true;
      }
    } catch {
      // Closed by the agent or by this program.
    }
    this.#hasEnded = !this.#isClosed;
    return false;
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  #takeBytes(bytes: Uint8Array): void {
    // One character per byte, because chunk lengths are in bytes.
    const text = this.#dechunker.push(this.#decoder.decode(bytes));
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    const match = LINE_REGEXP.exec(line);
    if (match === null) return;
    const seq = Number(match[1]);
    if (match[2] === "lost") {
      this.#lost += Number(match[3]);
      this.#lostLines++;
    } else this.#events++;
    if (seq <= this.#last) this.#disorder++;
    this.#last = seq;
  }
}

/** Decodes the chunked encoding of an HTTP response. */
class Dechunker {
  #rest = "";
  #isHead = true;
  #left = 0;

  push(text: string): string {
    this.#rest += text;
    let body = "";
    for (;;) {
      if (this.#isHead) {
        const end = this.#rest.indexOf("\r\n\r\n");
        if (end < 0) return body;
        this.#rest = this.#rest.slice(end + 4);
        this.#isHead = false;
      } else if (this.#left > 0) {
        const part = this.#rest.slice(0, this.#left);
        if (part === "") return body;
        body += part;
        this.#left -= part.length;
        this.#rest = this.#rest.slice(part.length);
      } else {
        const match = /^(?:\r\n)?([0-9a-f]+)\r\n/i.exec(this.#rest);
        if (match === null) return body;
        this.#left = parseInt(match[1] ?? "0", 16);
        this.#rest = this.#rest.slice(match[0].length);
      }
    }
  }
}

if (import.meta.main) {
  const { url, sinceSeq } = readTask();
  const streams = KINDS.flatMap((kind) =>
    READERS.map((reader) => new Stream(kind, reader))
  );
  for (const stream of streams) await stream.open(new URL(url), sinceSeq);
  let isFinishing = false;
  const finished = waitForFinish().then((seq) => {
    isFinishing = true;
    return seq;
  });
  const sip = async (stream: Stream) => {
    while (await stream.read(() => isFinishing ? Infinity : SIP_BYTES)) {
      await Promise.race([finished, delay(SIP_PAUSE_MS)]);
    }
  };
  for (const stream of streams) {
    const { reader } = stream.report;
    if (reader === "eager") void stream.read();
    else if (reader === "sluggish") void sip(stream);
    else void finished.then(() => stream.read());
  }
  const lastSeq = await finished;
  // Streams without a filter reach the last event unless the agent has closed them.
  await until(
    () =>
      streams.every((it) =>
        it.isFiltered || it.report.hasEnded || it.last >= lastSeq
      ),
    { timeoutMs: 30_000 },
  );
  // Streams with a filter may receive nothing more.
  let before = -1;
  const total = () =>
    streams.reduce((sum, { report }) => sum + report.events, 0);
  await until(() => {
    const isStill = total() === before;
    before = total();
    return isStill;
  }, { everyMs: 1_000, timeoutMs: 15_000 });
  const reports = streams.map((stream) => stream.report);
  for (const stream of streams) stream.close();
  await writeReport(reports);
  Deno.exit(0);
}
