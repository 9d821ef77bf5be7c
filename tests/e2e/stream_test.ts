import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { AgentProcess, delay, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

/** Returns the resident memory of a process in bytes. */
async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** A raw client of a stream that reads only on request. */
class StalledClient {
  #connection: Deno.TcpConn | undefined;

  async open(url: string): Promise<void> {
    const { hostname, port } = new URL(url);
    this.#connection = await Deno.connect({ hostname, port: Number(port) });
    await this.#connection.write(new TextEncoder().encode(
      `GET /api/v1.3/events?stream=true HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`,
    ));
  }

  /** Reads until nothing arrives for a second; returns the lines that are JSON. */
  async readAll(): Promise<WireEvent[]> {
    const connection = this.#connection;
    if (connection === undefined) return [];
    const buffer = new Uint8Array(1 << 20);
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const timer = Promise.withResolvers<null>();
      const id = setTimeout(() => timer.resolve(null), 1000);
      const length = await Promise.race([
        connection.read(buffer),
        timer.promise,
      ]);
      clearTimeout(id);
      if (length === null) break;
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    // HTTP chunk lengths are between the lines and may split one.
    const body = text.slice(text.indexOf("\r\n\r\n") + 4)
      .replaceAll(/\r\n[0-9a-f]+\r\n/g, "").replace(/^[0-9a-f]+\r\n/, "");
    return body.split("\n").flatMap((line) => {
      // The last read may end with a part of a chunk length.
      if (!line.startsWith("{")) return [];
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }

  close(): void {
    this.#connection?.close();
  }
}

Deno.test({
  name:
    "agent lets no stalled stream use much memory or delay another, and reports its losses",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("stalled");
    // The store is bounded too, but its limit is higher than the test's events.
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--event-storage-event-limit=default=1000",
    ]);
    const stalled = new StalledClient();
    const stream = new AbortController();
    const streamed: WireEvent[] = [];
    try {
      await agent.follow(
        "all_events=true&subcontainers=true",
        streamed,
        stream.signal,
      );
      // Long names create large events.
      const long = "x".repeat(240);
      const parent = `/${long}/${long}/${long}`;
      const churn = async (rounds: number) => {
        for (let i = 0; i < rounds; i++) {
          cgroups.make(`${parent}${i % 50}`, ["memory"]);
          cgroups.remove(`${parent}${i % 50}`);
          if (i % 100 === 0) await delay(20);
        }
      };
      // Lets the heap grow to the size that this load needs without a stalled client.
      await churn(3_000);
      await stalled.open(agent.url);
      await delay(500);
      const before = await residentBytes(agent.pid);
      const { length: streamedBefore } = streamed;
      let arrived = 0;
      for (let i = 0; i < 10; i++) {
        await churn(500);
        const name = cgroups.make(`/probe${i}`, ["memory"]);
        const hasArrived = () =>
          streamed.some((event) => event.container_name === name);
        if (await until(hasArrived)) arrived++;
        cgroups.remove(`/probe${i}`);
      }
      // More than the socket buffers and the queue hold: about 14 MB of events.
      const isEnough = () => streamed.length - streamedBefore > 18_000;
      for (let i = 0; i < 10 && !isEnough(); i++) await churn(1_000);
      // No stream waits for the stalled client, after bursts of 500 cgroups.
      assertEquals(arrived, 10);
      assertLess(await residentBytes(agent.pid) - before, 60 * 2 ** 20);
      const read = await stalled.readAll();
      const lost = read.filter((event) => event.event_type === "lost");
      const seqs = read.map((event) => event.seq);
      assertEquals(seqs, seqs.toSorted((a, b) => a - b));
      if (isEnough()) assertGreater(lost.length, 0);
      const lostCount = lost.reduce(
        (sum, event) => sum + event.event_data.lost.count,
        0,
      );
      const first = seqs[0] - (lost[0]?.seq === seqs[0] ? lostCount - 1 : 0);
      assertEquals(
        read.length - lost.length + lostCount,
        seqs.at(-1) - first + 1,
      );
      assert(lost.every((event) => event.event_data.lost.count > 0));
    } finally {
      stalled.close();
      stream.abort();
      await agent.stop();
    }
  },
});

Deno.test({
  name: "agent resumes after since_seq without gaps or duplicates",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("since");
    const agent = await AgentProcess.start(["--event-log=none"]);
    const stream = new AbortController();
    try {
      for (let i = 0; i < 20; i++) cgroups.make(`/a${i}`, ["memory"]);
      await delay(200);
      const kept: WireEvent[] = await agent.json(
        "/api/v1.3/events?since_seq=5",
      );
      assertEquals(kept[0].seq, 6);
      const streamed: WireEvent[] = [];
      await agent.follow("since_seq=5", streamed, stream.signal);
      for (let i = 0; i < 20; i++) cgroups.make(`/b${i}`, ["memory"]);
      await delay(300);
      assertEquals(
        streamed.map((event) => event.seq),
        streamed.map((_, index) => 6 + index),
      );
      assertGreater(streamed.length, kept.length + 19);
    } finally {
      stream.abort();
      await agent.stop();
    }
  },
});

Deno.test("agent sends an empty line as heartbeat, and server-sent events with seq as id", async () => {
  const agent = await AgentProcess.start(["--event-log=none", "--kmsg=none"]);
  const read = async (
    path: string,
    headers: HeadersInit,
    isComplete: (text: string) => boolean,
  ) => {
    const abort = new AbortController();
    const response = await fetch(agent.url + path, {
      headers,
      signal: abort.signal,
    });
    let text = "";
    const reading = (async () => {
      for await (
        const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []
      ) text += chunk;
    })().catch(() => {});
    assert(await until(() => isComplete(text)), text);
    abort.abort();
    await reading;
    return { response, text };
  };
  try {
    const heartbeats = await read(
      "/api/v1.3/events?stream=true&heartbeat=100ms",
      {},
      (text) => text.split("\n").length > 3,
    );
    assertEquals(
      heartbeats.response.headers.get("content-type"),
      "application/x-ndjson",
    );
    const sse = await read(
      "/api/v1.3/events",
      { accept: "text/event-stream", "last-event-id": "0" },
      (text) => text.includes("\n\n"),
    );
    assertEquals(sse.response.headers.get("content-type"), "text/event-stream");
    const [first = ""] = sse.text.split("\n\n");
    const data = /^data: ?(.*)$/m.exec(first)?.[1] ?? "";
    assertEquals(JSON.parse(data).seq, 1);
    assert(/^id: ?1$/m.test(first), first);
  } finally {
    await agent.stop();
  }
});
