import { assert, assertEquals, assertLess } from "@std/assert";
import { LoopTurns } from "../../lib/loop_turns.ts";
import { delay } from "./_agent.ts";

async function openTurns(): Promise<LoopTurns> {
  const turns = new LoopTurns();
  assert(await turns.ready);
  return turns;
}

function turnOf(turns: LoopTurns): Promise<void> {
  return new Promise((resolve) => turns.after(resolve));
}

/** Counts the timers that are set meanwhile. */
async function countTimers(work: () => Promise<void>): Promise<number> {
  const { setTimeout } = globalThis;
  let count = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    count++;
    return setTimeout(...args);
  }) as typeof setTimeout;
  try {
    await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return count;
}

Deno.test("LoopTurns calls back in order, each in a turn of its own, without a timer", async () => {
  const turns = await openTurns();
  const log: string[] = [];
  const timers = await countTimers(async () => {
    turns.after(() => {
      log.push("first");
      Promise.resolve().then(() => log.push("what the first began"));
    });
    turns.after(() => log.push("second"));
    turns.after(() => log.push("cancelled"))();
    await turnOf(turns);
  });
  assertEquals(log, ["first", "what the first began", "second"]);
  assertEquals(timers, 0);
  turns.close();
});

Deno.test("LoopTurns lets sockets be heard between any two turns", async () => {
  const turns = await openTurns();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  let turn = 0;
  const waited: number[] = [];
  for (let i = 0; i < 100; i++) {
    const heard = server.read(new Uint8Array(1)).then(() => turn);
    const before = turn;
    await client.write(new Uint8Array(1));
    for (let more = 0; more < 5; more++) {
      await turnOf(turns);
      turn++;
    }
    waited.push(await heard - before);
  }
  // With setImmediate() instead it is as many as there are.
  assertLess(Math.max(...waited), 3);
  for (const open of [turns, client, server, listener]) open.close();
});

Deno.test("LoopTurns that is closed calls back all the same, by timers", async () => {
  const turns = await openTurns();
  const waiting = turnOf(turns);
  turns.close();
  await waiting;
  let isCalled = false;
  turns.after(() => isCalled = true)();
  await turnOf(turns);
  await delay(5);
  assertEquals(isCalled, false);
});

Deno.test("LoopTurns that is closed before it is open leaves nothing behind", async () => {
  const turns = new LoopTurns();
  turns.close();
  assertEquals(await turns.ready, false);
  await turnOf(turns);
});

Deno.test("LoopTurns goes by timers where there are no such sockets", async () => {
  const { listen } = Deno;
  Deno.listen = () => {
    throw new Deno.errors.AddrNotAvailable("no such family");
  };
  const turns = new LoopTurns();
  Deno.listen = listen;
  assertEquals(await turns.ready, false);
  await turnOf(turns);
  turns.close();
});
