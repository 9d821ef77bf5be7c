import { assert, assertEquals } from "@std/assert";
import { parseKmsgRecord } from "../../lib/kernfs/kmsg_record.ts";
import { OomParser } from "../../lib/oom/parser.ts";
import { SeededRandom } from "../_support/random.ts";
import { brief, KMSG_DIR, recordsOf, reportsOf } from "../_support/kmsg_log.ts";

/** Kills of another cgroup, whose headers are nine of the ten that the kernel prints in five seconds. */
const NINE_OTHERS = Array.from({ length: 9 }, (_, i) => {
  const details = `cgroup MEMCG limit /other in it ${850 + i} (ab) uid 0`;
  const sequence = 7003 + 3 * i;
  return [
    `${sequence} oom of ${sequence}: ${details}`,
    `${sequence + 1} oomKill of ${sequence}: ${details}`,
  ];
}).flat();

const CORPUS: Record<string, string[]> = {
  "6.1-global-container.kmsg": [
    "399 oom of 399: host NONE in /docker/8001c274… 124 (busybox) uid 0",
    "400 oomKill of 399: host NONE in /docker/8001c274… 124 (busybox) uid 0",
  ],
  "6.1-v1-memcg-docker.kmsg": [
    "513 oom of 513: cgroup MEMCG limit /docker/1262c035… in it 1083 (tail) uid 0",
    "514 oomKill of 513: cgroup MEMCG limit /docker/1262c035… in it 1083 (tail) uid 0",
  ],
  "6.1-v2-group.kmsg": [
    "615 oom of 615: cgroup MEMCG limit /lab/grp in it 467 (busybox) uid 0",
    "616 oomKill of 615: cgroup MEMCG limit /lab/grp in it 467 (busybox) uid 0 group",
    "618 oomKill of 615: cgroup MEMCG limit /lab/grp in it 464 (sh) uid 0 group",
    "619 oomKill of 615: cgroup MEMCG limit /lab/grp in it 465 (sleep) uid 0 group",
    "620 oomKill of 615: cgroup MEMCG limit /lab/grp in it 466 (sleep) uid 0 group",
    "621 repeat",
  ],
  "6.1-v2-memcg-podman.kmsg": [
    "684 oom of 684: cgroup MEMCG limit /machine.slice/libpod-af80a853….scope/container in it 1941 (tail) uid 0",
    "685 oomKill of 684: cgroup MEMCG limit /machine.slice/libpod-af80a853….scope/container in it 1941 (tail) uid 0",
  ],
  "6.1-v2-memcg-scope.kmsg": [
    "478 oom of 478: cgroup MEMCG limit /system.slice/oomtest.scope in it 422 (busybox) uid 0",
    "479 oomKill of 478: cgroup MEMCG limit /system.slice/oomtest.scope in it 422 (busybox) uid 0",
  ],
  "6.18-v1-memcg-containerd.kmsg": [
    "921 oom of 921: cgroup MEMCG limit /labns/memhog in it 30727 (tail) uid 0",
    "922 oomKill of 921: cgroup MEMCG limit /labns/memhog in it 30727 (tail) uid 0",
  ],
  "6.18-v1-memcg-docker.kmsg": [
    "1590 oom of 1590: cgroup MEMCG limit /docker/6df12d99… in it 19726 (tail) uid 0",
    "1591 oomKill of 1590: cgroup MEMCG limit /docker/6df12d99… in it 19726 (tail) uid 0",
    "1691 oom of 1691: cgroup MEMCG limit /docker/eac18179… in it 19801 (tail) uid 0",
    "1692 oomKill of 1691: cgroup MEMCG limit /docker/eac18179… in it 19801 (tail) uid 0",
  ],
  "6.18-v1-memcg-podman.kmsg": [
    "1247 oom of 1247: cgroup MEMCG limit /libpod_parent/libpod-e7effc28… in it 4582 (tail) uid 0",
    "1248 oomKill of 1247: cgroup MEMCG limit /libpod_parent/libpod-e7effc28… in it 4582 (tail) uid 0",
  ],
  "6.18-v1-nested-limit.kmsg": [
    String
      .raw`470 oom of 470: cgroup MEMCG limit /cgw,pod in /cgw,pod/app\x2dweb (1),task=x.scope 15767 (a) b,pid=1,é) uid 0`,
    String
      .raw`471 oomKill of 470: cgroup MEMCG limit /cgw,pod in /cgw,pod/app\x2dweb (1),task=x.scope 15767 (a) b,pid=1,é) uid 0`,
    String
      .raw`551 oom of 551: cgroup MEMCG limit /cgw,pod in /cgw,pod/app\x2dweb (1),task=x.scope 15769 (x,pid=1,uid=0) uid 0`,
    String
      .raw`552 oomKill of 551: cgroup MEMCG limit /cgw,pod in /cgw,pod/app\x2dweb (1),task=x.scope 15769 (x,pid=1,uid=0) uid 0`,
  ],
  "6.18-v1-pids-max.kmsg": [],
  "composed-2.6.32-memcg.kmsg": [
    "819 oom of 812: cgroup MEMCG limit /web in /web/tomcat",
    "827 oomKill of 812: cgroup MEMCG limit /web in /web/tomcat 4102 (java) uid 500",
  ],
  "composed-3.10-memcg.kmsg": [
    "5128 oom of 5120: cgroup MEMCG limit /system.slice/docker-eac18179baaa.scope in it",
    "5137 oomKill of 5120: cgroup MEMCG limit /system.slice/docker-eac18179baaa.scope in it 22101 (php-fpm) uid 48",
  ],
  "composed-4.14-global.kmsg": [
    "1220 oom of 1201: host ? 1502 (Web Content (x))",
    "1220 oomKill of 1201: host ? 1502 (Web Content (x))",
  ],
  "composed-4.14-memcg.kmsg": [
    "90132 oom of 90122: cgroup MEMCG limit /kubepods/burstable/pod2a77b8f2-7d3f-11e9-9a2b-0242ac110002 in /kubepods/burstable/pod2a77b8f2-7d3f-11e9-9a2b-0242ac110002/7f3c1f0e…",
    "90143 oomKill of 90122: cgroup MEMCG limit /kubepods/burstable/pod2a77b8f2-7d3f-11e9-9a2b-0242ac110002 in /kubepods/burstable/pod2a77b8f2-7d3f-11e9-9a2b-0242ac110002/7f3c1f0e… 30012 (celery: worker)",
  ],
  "composed-4.19-group.kmsg": [
    "706 oom of 700: cgroup MEMCG limit /system.slice/batch.service in it",
    "716 oomKill of 700: cgroup MEMCG limit /system.slice/batch.service in it 2211 (stress) group",
    "718 oomKill of 700: cgroup MEMCG limit /system.slice/batch.service in it 2210 (stress) group",
    "719 repeat",
    "720 oomKill of 700: cgroup MEMCG limit /system.slice/batch.service in it 2212 (stress) group",
  ],
  "composed-4.19-no-victim.kmsg": [
    "405 oom of 400: cgroup MEMCG limit /guarded",
  ],
  "composed-5.0-memcg.kmsg": [
    String
      .raw`3326 oom of 3326: cgroup MEMCG limit /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod94eb\x2d11.slice in /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod94eb\x2d11.slice/cri-containerd-46b3.scope 611 (node) uid 1000`,
    String
      .raw`3328 oomKill of 3326: cgroup MEMCG limit /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod94eb\x2d11.slice in /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod94eb\x2d11.slice/cri-containerd-46b3.scope 611 (node) uid 1000`,
  ],
  "composed-5.15-cpuset.kmsg": [
    "8113 oom of 8113: host CPUSET in /slurm/uid_1002/job17 5151 (solver) uid 1002",
    "8117 oomKill of 8113: host CPUSET in /slurm/uid_1002/job17 5151 (solver) uid 1002",
  ],
  "composed-5.4-memcg.kmsg": [
    "2052 oom of 2052: cgroup MEMCG limit /docker/db in it 9001 (mysqld) uid 999",
    "2053 oomKill of 2052: cgroup MEMCG limit /docker/db in it 9001 (mysqld) uid 999",
  ],
  "composed-5.4-kill-after-tenth-summary.kmsg": [
    ...NINE_OTHERS,
    "7030 oom of 7030: cgroup MEMCG limit /here in /here/x 870 (gone) uid 0",
    "7031 oom of 7031: cgroup MEMCG 871 (else) uid 0",
    "7031 oomKill of 7031: cgroup MEMCG 871 (else) uid 0",
  ],
  "composed-6.1-cgroup-named-task.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /jobs 811 (undefined) uid 0",
    "7004 oomKill of 7003: cgroup MEMCG limit /jobs in /jobs/n,task=1 811 (tail) uid 0",
  ],
  "composed-6.1-cpuset-named-global-oom.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /jobs in /jobs/7 812 (stress) uid 0",
    "7004 oomKill of 7003: cgroup MEMCG limit /jobs in /jobs/7 812 (stress) uid 0",
  ],
  "composed-6.1-group-of-children.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /batch in /batch/a 840 (sh) uid 0",
    "7004 oomKill of 7003: cgroup MEMCG limit /batch in /batch/a 840 (sh) uid 0 group",
    "7006 repeat",
    "7007 oomKill of 7003: cgroup MEMCG limit /batch 841 (sleep) uid 0 group",
    "7008 oomKill of 7003: cgroup MEMCG limit /batch 842 (sleep) uid 0 group",
  ],
  "composed-6.1-group-slow-console.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /batch in it 830 (sh) uid 0",
    "7004 oomKill of 7003: cgroup MEMCG limit /batch in it 830 (sh) uid 0 group",
    "7006 repeat",
    "7007 oomKill of 7003: cgroup MEMCG limit /batch in it 831 (sleep) uid 0 group",
    "7008 oomKill of 7003: cgroup MEMCG limit /batch in it 832 (sleep) uid 0 group",
  ],
  "composed-6.1-kill-after-tenth-group.kmsg": [
    ...NINE_OTHERS,
    "7030 oom of 7030: cgroup MEMCG limit /batch in it 880 (sh) uid 0",
    "7031 oomKill of 7030: cgroup MEMCG limit /batch in it 880 (sh) uid 0 group",
    "7033 repeat",
    "7034 oom of 7034: cgroup MEMCG 881 (sleep) uid 0",
    "7034 oomKill of 7034: cgroup MEMCG 881 (sleep) uid 0",
    "7035 oom of 7035: cgroup MEMCG 882 (sleep) uid 0",
    "7035 oomKill of 7035: cgroup MEMCG 882 (sleep) uid 0",
    "7036 oom of 7036: cgroup MEMCG 883 (else) uid 0",
    "7036 oomKill of 7036: cgroup MEMCG 883 (else) uid 0",
  ],
  "composed-6.1-thread-killed.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /app in /app/1 820 (java) uid 0",
    "7004 oomKill of 7003: cgroup MEMCG limit /app in /app/1 824 (GC Thread#1) uid 0",
  ],
  "composed-6.1-uid-above-2-31.kmsg": [
    "7003 oom of 7003: cgroup MEMCG limit /userns in /userns/c 813 (dd) uid 4294967294",
    "7009 oomKill of 7003: cgroup MEMCG limit /userns in /userns/c 813 (dd) uid 4294967294",
  ],
  "composed-6.18-path-truncated.kmsg": [
    "7003 oom of 7003: cgroup MEMCG 890 (hog) uid 0",
    "7008 oomKill of 7003: cgroup MEMCG 890 (hog) uid 0",
  ],
};

Deno.test("OomParser reports the incidents and kills of each kernel's log", async () => {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(KMSG_DIR)) {
    if (!name.endsWith(".kmsg")) continue;
    names.push(name);
    const log = await Deno.readTextFile(new URL(name, KMSG_DIR));
    assertEquals(reportsOf(recordsOf(log)).map(brief), CORPUS[name], name);
  }
  assertEquals(names.sort(), Object.keys(CORPUS).sort());
});

Deno.test("OomParser reports every size of a kill in bytes", async () => {
  const log = await Deno.readTextFile(
    new URL("6.18-v1-memcg-docker.kmsg", KMSG_DIR),
  );
  const cgroup =
    "/docker/eac18179baaa8be172e5064c1777d28067adcfbf97e07a5d5cd2e85739b5be87";
  const parser = new OomParser({ groupKills: false });
  const reports = recordsOf(log).flatMap((record) => parser.push(record));
  assertEquals(reports.at(-1), {
    type: "oomKill",
    scope: "cgroup",
    constraint: "CONSTRAINT_MEMCG",
    limitCgroup: cgroup,
    victimCgroup: cgroup,
    topTasks: [{
      pid: 19801,
      processName: "tail",
      rssPages: 8423,
    }],
    pid: 19801,
    processName: "tail",
    uid: 0,
    totalVmBytes: 35348480,
    anonRssBytes: 33161216,
    fileRssBytes: 1339392,
    shmemRssBytes: 0,
    pgtablesBytes: 106496,
    oomScoreAdj: 0,
    group: false,
    incidentSequence: 1691,
    kmsgSequence: 1692,
    usecSinceBoot: 1760246833,
  });
});

const encoder = new TextEncoder();

/** Truncates, duplicates, removes, moves or corrupts lines, or replaces them with a gap. */
function mutate(
  lines: readonly Uint8Array[],
  random: SeededRandom,
): (Uint8Array | "gap")[] {
  const mutated: (Uint8Array | "gap")[] = [...lines];
  for (let times = 1 + random.below(6); times > 0; times--) {
    const at = random.below(mutated.length);
    const line = mutated[at];
    if (line === undefined || line === "gap") continue;
    switch (random.below(6)) {
      case 0:
        mutated[at] = line.subarray(0, random.below(line.length + 1));
        break;
      case 1:
        mutated.splice(at, 0, line);
        break;
      case 2:
        mutated.splice(
          random.below(mutated.length),
          0,
          ...mutated.splice(at, 1),
        );
        break;
      case 3:
        mutated.splice(at, 1 + random.below(20), "gap");
        break;
      case 4: {
        const spoiled = line.slice();
        for (let i = random.below(8); i >= 0; i--) {
          spoiled[random.below(spoiled.length)] = random.below(256);
        }
        mutated[at] = spoiled;
        break;
      }
      case 5: {
        const from = random.below(line.length);
        const cut = line.slice();
        mutated[at] = cut.subarray(from);
        break;
      }
    }
  }
  return mutated;
}

/** Returns the PIDs in kill lines, one per line. */
function pidsIn(lines: readonly (Uint8Array | "gap")[]): number[] {
  const pids: number[] = [];
  for (const line of lines) {
    const text = line === "gap" ? "" : parseKmsgRecord(line)?.text ?? "";
    const pid = /Killed process (\d+)/.exec(text)?.[1];
    if (pid !== undefined) pids.push(Number(pid));
  }
  return pids;
}

Deno.test("OomParser tolerates corrupted logs and reports only kills in them", async () => {
  const names = Object.keys(CORPUS);
  // 100,000 in total.
  const rounds = Math.ceil(100_000 / names.length);
  for (const name of names) {
    const log = await Deno.readTextFile(new URL(name, KMSG_DIR));
    const lines = log.trimEnd().split("\n").map((line) => encoder.encode(line));
    // Most of a log is stack trace and task table; the relevant lines are at its ends.
    const relevant = lines.filter((_, i) => i < 2 || i > lines.length - 14);
    for (let seed = 1; seed <= rounds; seed++) {
      const mutated = mutate(relevant, new SeededRandom(seed));
      const pids = pidsIn(mutated);
      const parser = new OomParser();
      const reports = mutated.flatMap((line) => {
        if (line === "gap") return parser.reset();
        const record = parseKmsgRecord(line);
        return record === undefined ? [] : parser.push(record);
      });
      for (const report of [...reports, ...parser.flush()]) {
        if (report.type !== "oomKill") continue;
        const at = pids.indexOf(report.pid);
        assert(at >= 0, `${name}, seed ${seed}: ${brief(report)}`);
        pids.splice(at, 1);
      }
    }
  }
});
