/**
 * An actor that writes to the kernel log, sometimes more than its buffer holds.
 * Some lines look like kills; the kernel marks all of them as written by a
 * user. Reports the number of lines.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { SeededRandom } from "../_support/random.ts";
import { readTask, writeReport } from "./_actor.ts";

/** Number of written records. */
export interface Flood {
  readonly records: number;
  readonly forged: number;
}

/** Not a possible PID: the kernel's limit is 4,194,304. */
export const FORGED_PID = 4_194_999;

/** Maximum number of records that the kernel accepts per open file (`printk_devkmsg=ratelimit`). */
const RECORDS_OF_ONE = 10;

/** Twice the capacity of a kernel log of 128 KiB. */
const BURST_RECORDS = 600;

const FORGED = [
  "Out of memory: Killed process PID (forged) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
  "Memory cgroup out of memory: Killed process PID (forged) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
  "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/forged,task_memcg=/forged,task=forged,pid=PID,uid=0",
  "forged invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
];

/**
 * Priorities of warnings and below, which are not printed on the console, with
 * different facilities.
 */
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
  await writeReport({ records, forged });
}
