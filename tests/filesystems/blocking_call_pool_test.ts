import { assertEquals, assertRejects } from "@std/assert";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { CallTimeoutError } from "../../lib/model/errors.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** Runs pending promise callbacks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A call that hangs. */
function hanging(): {
  call: () => Promise<string>;
  end: (text: string) => void;
} {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { call: () => promise, end: resolve };
}

Deno.test("BlockingCallPool.run() returns the call's result or error", async () => {
  const calls = new BlockingCallPool(new FakeClock());
  assertEquals(await calls.run("a", () => Promise.resolve(1)), 1);
  await assertRejects(
    () => calls.run("a", () => Promise.reject(new TypeError("no"))),
    TypeError,
    "no",
  );
  assertEquals(calls.hung, 0);
});

Deno.test("BlockingCallPool.run() times out after 2 s, then fails immediately until the call ends", async () => {
  const clock = new FakeClock();
  const calls = new BlockingCallPool(clock);
  const { call, end } = hanging();
  const first = calls.run("/mnt", call);
  const refused = assertRejects(() => first, CallTimeoutError, "/mnt");
  await settle();
  clock.advance(1_999);
  await settle();
  assertEquals(calls.hung, 0);
  clock.advance(1);
  await refused;
  assertEquals(calls.hung, 1);
  let called = 0;
  const again = () => calls.run("/mnt", () => Promise.resolve(++called));
  await assertRejects(again, CallTimeoutError);
  assertEquals(called, 0, "the call was started");
  assertEquals(await calls.run("/other", () => Promise.resolve(7)), 7);
  end("late");
  await settle();
  assertEquals(calls.hung, 0);
  assertEquals(await again(), 1);
  assertEquals(clock.pending, 0, "no timer is left");
});

Deno.test("BlockingCallPool.run() runs calls of one key one after another", async () => {
  const calls = new BlockingCallPool(new FakeClock());
  const { call, end } = hanging();
  const order: string[] = [];
  const first = calls.run("a", () => call().then((text) => order.push(text)));
  const second = calls.run("a", () => {
    order.push("second");
    return Promise.resolve();
  });
  await settle();
  assertEquals(order, []);
  end("first");
  await Promise.all([first, second]);
  assertEquals(order, ["first", "second"]);
});

Deno.test("BlockingCallPool.run() rejects calls that wait for a hung call", async () => {
  const clock = new FakeClock();
  const calls = new BlockingCallPool(clock);
  let called = 0;
  const both = [1, 2].map(() =>
    calls.run("a", () => {
      called++;
      return new Promise(() => {});
    })
  );
  const refused = both.map((one) => assertRejects(() => one, CallTimeoutError));
  await settle();
  clock.advance(2_000);
  await Promise.all(refused);
  assertEquals([called, calls.hung], [1, 1]);
});

Deno.test("BlockingCallPool.run() leaves threads to disks if many servers hang, and to other calls if many disks do", async () => {
  const clock = new FakeClock();
  const calls = new BlockingCallPool(clock);
  const hang = async (count: number, isRemote: boolean) => {
    const hung = Array.from({ length: count }, (_, i) =>
      assertRejects(
        () =>
          calls.run(`${i} ${isRemote}`, () => new Promise(() => {}), {
            isRemote,
          }),
        CallTimeoutError,
      ));
    await settle();
    clock.advance(2_000);
    await Promise.all(hung);
  };
  const called: string[] = [];
  const ask = (isRemote: boolean) =>
    calls.run("fine", () => Promise.resolve(called.push(`${isRemote}`)), {
      isRemote,
    });
  await hang(8, true);
  await assertRejects(() => ask(true), CallTimeoutError);
  await ask(false);
  await hang(8, false);
  await assertRejects(() => ask(false), CallTimeoutError);
  assertEquals([called, calls.hung], [["false"], 16]);
});
