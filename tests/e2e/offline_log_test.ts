// Searches of a long event log without an agent.

import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "@std/path";
import { AGENT } from "./_agent.ts";
import { hasProgram } from "./_programs.ts";

const EVENTS = 1_000_000;
const PARTS = 6;
/** One of this many events is a kill. */
const KILL_EVERY = 200;
const MAX_SECONDS = 3;
const MAX_RESIDENT_KIB = 100 * 1024;

const HAS_PYTHON = hasProgram("python3");

/** Runs a program and prints its CPU seconds, its peak resident memory in KiB, and its output. */
const MEASURE = `
import resource, subprocess, sys
out = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.decode()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
print(out)
`;

function lineOf(seq: number): string {
  const id = `${seq % 5000}`.padStart(64, "0");
  const name = `/kubepods/burstable/pod2f5a/${id}`;
  const timestamp = new Date(1_795_000_000_000 + seq * 500).toISOString();
  const event = {
    "seq": seq,
    "boot_id": "2f5a6c1e-0b7d-4c58-9f0e-6a1b2c3d4e5f",
    "node": "n1",
    "timestamp": timestamp.replace("Z", "000Z"),
    "event_type": seq % 2 === 0 ? "containerCreation" : "containerDeletion",
    "container_name": name,
    "container": {
      "namespace": "containerd",
      "id": id,
      "name": `c${seq % 5000}`,
    },
    "event_data": {},
  };
  if (seq % KILL_EVERY !== 0) return JSON.stringify(event);
  return JSON.stringify({
    ...event,
    "event_type": "oomKill",
    "event_data": {
      "oom": {
        "pid": seq,
        "process_name": "java",
        "scope": "cgroup",
        "limit_cgroup": name,
        "victim_cgroup": name,
        "incident": `b-${seq}`,
        "context": {
          "limit_bytes": 2 ** 26,
          "run_up": Array.from({ length: 30 }, (_, at) => ({
            "age_ms": 4000 * (30 - at),
            "usage_bytes": at * 2 ** 21,
            "anon_bytes": at * 2 ** 20,
          })),
        },
      },
    },
  });
}

async function writeLog(path: string): Promise<void> {
  let seq = 1;
  for (let part = PARTS - 1; part >= 0; part--) {
    const last = part === 0
      ? EVENTS
      : Math.ceil(EVENTS / PARTS) * (PARTS - part);
    using file = await Deno.open(part === 0 ? path : `${path}.${part}`, {
      write: true,
      create: true,
    });
    const encoder = new TextEncoder();
    while (seq <= last) {
      let lines = "";
      for (const end = Math.min(last, seq + 999); seq <= end; seq++) {
        lines += `${lineOf(seq)}\n`;
      }
      await file.write(encoder.encode(lines));
    }
  }
}

Deno.test({
  name:
    `explain searches a log of 1,000,000 events in ${MAX_SECONDS} s with 100 MB` +
    (HAS_PYTHON ? "" : ", skipped: python3 is not installed"),
  ignore: !HAS_PYTHON,
  async fn() {
    const directory = await Deno.makeTempDir();
    const log = join(directory, "events.ndjson");
    try {
      await writeLog(log);
      for (const argument of ["", "c2600", "--last", "500000"]) {
        const { code, stdout, stderr } = await new Deno.Command("python3", {
          args: [
            "-c",
            MEASURE,
            AGENT,
            "explain",
            ...[argument].filter(Boolean),
            `--file=${log}`,
            "-o=json",
          ],
        }).output();
        assertEquals(code, 0, new TextDecoder().decode(stderr));
        const [figures = "", ...rest] = new TextDecoder().decode(stdout).split(
          "\n",
        );
        const [seconds = NaN, residentKib = NaN] = figures.split(" ").map(
          Number,
        );
        // CPU time, because other tests may use the CPU.
        assertLess(seconds, MAX_SECONDS, argument);
        assertLess(residentKib, MAX_RESIDENT_KIB, argument);
        const found = JSON.parse(rest.join("\n"));
        if (argument === "") assertEquals(found.length, 1000);
        else {
          assertEquals(found.victims[0].process_name, "java");
          assertEquals(found.kills.log, EVENTS / 5000, argument);
          assert(found.run_up.length === 30);
        }
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
