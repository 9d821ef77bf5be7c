/**
 * An actor: a program that writes into the kernel's log, now and then more at
 * once than it holds. Some of what it writes looks like a kill; the kernel
 * marks all of it as written by a user. Tells how much it wrote.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { SeededRandom } from "../_support/random.ts";
import { readTask, tell } from "./_actor.ts";

/** What was written. */
export interface Flood {
  readonly records: number;
  readonly forged: number;
}

/** No process has such a number: the kernel's limit is 4,194,304. */
export const FORGED_PID = 4_194_999;

/** The kernel takes so many records of each who opens the log (`printk_devkmsg=ratelimit`). */
const RECORDS_OF_ONE = 10;

/** Two times what the kernel's log of 128 KiB holds. */
const BURST_RECORDS = 600;

const FORGED = [
  "Out of memory: Killed process PID (forged) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
  "Memory cgroup out of memory: Killed process PID (forged) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
  "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/forged,task_memcg=/forged,task=forged,pid=PID,uid=0",
  "forged invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
];

/** Warnings and below: louder ones are shown on the console. Each has a facility of its own. */
const PRIORITIES = ["", "<4>", "<6>", "<12>", "<14>", "<30>", "<86>"];

const encoder = new TextEncoder();

if (import.meta.main) {
  const { seed, seconds } = readTask();
  const random = new SeededRandom(seed);
  const endMs = Date.now() + seconds * 1000;
  let records = 0;
  let forged = 0;
  while (Date.now() < endMs) {
    const isBurst = random.chance(0.03);
    let left = isBurst ? BURST_RECORDS : 20 + random.below(80);
    while (left > 0) {
      using file = await Deno.open("/dev/kmsg", { write: true });
      for (let i = 0; i < RECORDS_OF_ONE && left > 0; i++, left--) {
        const isForged = random.chance(0.1);
        const text = isForged
          ? random.pick(FORGED).replace("PID", String(FORGED_PID))
          : `cgwatch-test ${"=".repeat(random.below(900))}`;
        await file.write(encoder.encode(`${random.pick(PRIORITIES)}${text}`));
        records++;
        if (isForged) forged++;
      }
    }
    await delay(isBurst ? 3_000 : 250 + random.below(500));
  }
  await tell({ records, forged });
}
