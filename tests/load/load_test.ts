/**
 * All that can come at once, for minutes, against one agent: containers that
 * come and go, OOM kills, floods of the kernel's log, streams of which half
 * are not read, scrapes and questions, a log that is rotated under its hands.
 * In the end the books are balanced.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CAN_OOM } from "../e2e/_cgroups.ts";
import { LoadRun } from "./_load_run.ts";

const SECONDS = Number(Deno.env.get("CGWATCH_LOAD_SECONDS") || 360);
const SEED = Number(
  Deno.env.get("CGWATCH_LOAD_SEED") || Date.now() % 1_000_000,
);

Deno.test({
  name:
    `agent balances its books after ${SECONDS} s of all that can come at once`,
  ignore: !CAN_OOM,
  async fn() {
    print(`CGWATCH_LOAD_SEED=${SEED} CGWATCH_LOAD_SECONDS=${SECONDS}`);
    await using run = await LoadRun.start({ seconds: SECONDS, seed: SEED });
    await run.run();
    print(run.books.format());
    assertEquals(run.books.wrong, []);
  },
});

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
