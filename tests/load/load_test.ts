/**
 * Several minutes of combined load on one agent: containers that are created
 * and removed, OOM kills, floods of the kernel log, streams of which half are
 * not read, scrapes, requests, and a log that is rotated by another program. At
 * the end, all counters must be consistent.
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
  name: `agent is consistent after ${SECONDS} s of combined load`,
  ignore: !CAN_OOM,
  async fn() {
    print(`CGWATCH_LOAD_SEED=${SEED} CGWATCH_LOAD_SECONDS=${SECONDS}`);
    await using run = await LoadRun.start({ seconds: SECONDS, seed: SEED });
    await run.run();
    print(run.report.format());
    assertEquals(run.report.wrong, []);
  },
});

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
