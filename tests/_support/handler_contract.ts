import { assert, assertEquals } from "@std/assert";
import { toContainerStats } from "../../lib/cache/container_stats.ts";
import { SampleRing } from "../../lib/cache/memory_cache.ts";
import type { CgroupHandlerOptions } from "../../lib/handlers/cgroup_handler.ts";
import type { ContainerSpec } from "../../lib/model/container.ts";
import type { ContainerStats } from "../../lib/model/stats.ts";
import type {
  ContainerHandler,
  HandlerFactory,
} from "../../lib/registry/handler_registry.ts";
import { RecordedTree, type RecordingName } from "./recorded_tree.ts";

/** All metric kinds that can be disabled. */
export const ALL_KINDS: ReadonlySet<string> = new Set([
  "percpu",
  "diskIO",
  "process",
  "pressure",
]);

/** A recorded container, and its expected values. */
export interface RecordedContainer {
  readonly recording: RecordingName;
  readonly name: string;
  readonly what: string;
  readonly stats: Omit<ContainerStats, "timestampMs">;
  readonly spec: Omit<ContainerSpec, "creationTimeMs">;
}

const AT_EASE = { avg10: 0, avg60: 0, avg300: 0, totalUsec: 0 };
const NO_PRESSURE = { some: AT_EASE, full: AT_EASE };
const NO_EVENTS = {
  low: 0,
  high: 0,
  max: 0,
  oom: 0,
  oomKill: 0,
  oomGroupKill: 0,
};

function pressed(
  avg10: number,
  avg60: number,
  avg300: number,
  totalUsec: number,
) {
  return { avg10, avg60, avg300, totalUsec };
}

function disk(major: number, minor: number, stats: Record<string, number>) {
  return { major, minor, stats };
}

/** Recorded containers that every handler must read. */
export const RECORDED_CONTAINERS: readonly RecordedContainer[] = [
  {
    recording: "6.1-v2",
    name:
      "/system.slice/docker-76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e.scope",
    what: "a docker container of v2",
    stats: {
      cpu: {
        usageNs: 1_008_690_000,
        userNs: 224_607_000,
        systemNs: 784_083_000,
        periods: 63,
        throttledPeriods: 4,
        throttledNs: 197_235_000,
        burstPeriods: 0,
        burstNs: 0,
        pressure: {
          some: pressed(1.49, 0.34, 0.07, 256409),
          full: pressed(1.21, 0.27, 0.06, 216199),
        },
      },
      memory: {
        usageBytes: 483328,
        maxUsageBytes: 6639616,
        cacheBytes: 40960,
        rssBytes: 110592,
        swapBytes: 0,
        mappedFileBytes: 0,
        activeFileBytes: 0,
        inactiveFileBytes: 40960,
        workingSetBytes: 483328 - 40960,
        kernelBytes: 348160,
        fileDirtyBytes: 0,
        fileWritebackBytes: 0,
        containerData: { pgfault: 6368, pgmajfault: 1 },
        hierarchicalData: { pgfault: 6368, pgmajfault: 1 },
        pgscan: 0,
        pgsteal: 0,
        workingsetRefaultFile: 0,
        workingsetRefaultAnon: 0,
        events: NO_EVENTS,
        eventsLocal: NO_EVENTS,
        swapEvents: { high: 0, max: 0, fail: 0 },
        pressure: NO_PRESSURE,
      },
      diskIo: {
        serviceBytes: [disk(259, 0, { Read: 40960, Write: 0, Discard: 0 })],
        serviced: [disk(259, 0, { Read: 1, Write: 0, Discard: 0 })],
        pressure: { some: pressed(0, 0, 0, 611), full: pressed(0, 0, 0, 99) },
      },
      processes: { processCount: 2, threadsCurrent: 2, threadsMax: 50 },
    },
    spec: {
      cpu: { shares: 2597, quotaUsec: 50000, periodUsec: 100000, mask: "0-1" },
      memory: {
        limitBytes: 33554432,
        reservationBytes: 0,
        swapLimitBytes: 33554432,
      },
      processes: { limit: 50 },
      hasDiskIo: true,
    },
  },
  {
    recording: "6.1-v2",
    name: "/system.slice",
    what: "a slice of v2 with the memory and pids controllers alone",
    stats: {
      cpu: {
        usageNs: 16_777_315_000,
        userNs: 7_839_182_000,
        systemNs: 8_938_133_000,
        pressure: {
          some: pressed(20.33, 6.67, 1.54, 4707032),
          full: pressed(3.11, 1.1, 0.25, 906603),
        },
      },
      memory: {
        usageBytes: 27635712,
        maxUsageBytes: 33849344,
        cacheBytes: 17842176,
        rssBytes: 5128192,
        swapBytes: 0,
        mappedFileBytes: 3776512,
        activeFileBytes: 9277440,
        inactiveFileBytes: 8245248,
        workingSetBytes: 27635712 - 8245248,
        kernelBytes: 4444160,
        fileDirtyBytes: 172032,
        fileWritebackBytes: 0,
        containerData: { pgfault: 32414, pgmajfault: 87 },
        hierarchicalData: { pgfault: 32414, pgmajfault: 87 },
        pgscan: 0,
        pgsteal: 0,
        workingsetRefaultFile: 0,
        workingsetRefaultAnon: 0,
        events: NO_EVENTS,
        eventsLocal: NO_EVENTS,
        swapEvents: { high: 0, max: 0, fail: 0 },
        pressure: NO_PRESSURE,
      },
      diskIo: {
        serviceBytes: [],
        serviced: [],
        pressure: {
          some: pressed(0.32, 0.11, 0.02, 136132),
          full: pressed(0, 0, 0, 27636),
        },
      },
      processes: { processCount: 0, threadsCurrent: 6, threadsMax: Infinity },
    },
    spec: {
      cpu: { mask: "0-1" },
      memory: {
        limitBytes: Infinity,
        reservationBytes: 0,
        swapLimitBytes: Infinity,
      },
      processes: { limit: Infinity },
      hasDiskIo: true,
    },
  },
  {
    recording: "6.1-v2",
    name: "/",
    what: "the root of v2, which has no memory.current and no swap file",
    stats: {
      cpu: {
        usageNs: 22_056_000_000,
        userNs: 9_460_000_000,
        systemNs: 12_596_000_000,
        periods: 0,
        throttledPeriods: 0,
        throttledNs: 0,
        burstPeriods: 0,
        burstNs: 0,
        pressure: {
          some: pressed(34.54, 10.01, 2.27, 6688269),
          full: AT_EASE,
        },
      },
      memory: {
        usageBytes: 9351168 + 36835328,
        cacheBytes: 36835328,
        rssBytes: 9351168,
        swapBytes: 0,
        mappedFileBytes: 16277504,
        activeFileBytes: 19218432,
        inactiveFileBytes: 17293312,
        workingSetBytes: 9351168 + 36835328 - 17293312,
        kernelBytes: 6500352,
        fileDirtyBytes: 258048,
        fileWritebackBytes: 0,
        containerData: { pgfault: 40975, pgmajfault: 221 },
        hierarchicalData: { pgfault: 40975, pgmajfault: 221 },
        pgscan: 0,
        pgsteal: 0,
        workingsetRefaultFile: 0,
        workingsetRefaultAnon: 0,
        pressure: NO_PRESSURE,
      },
      diskIo: {
        serviceBytes: [
          disk(259, 2, { Read: 1073152, Write: 0, Discard: 0 }),
          disk(259, 1, { Read: 268288, Write: 0, Discard: 0 }),
          disk(259, 0, { Read: 34782208, Write: 1327104, Discard: 0 }),
        ],
        serviced: [
          disk(259, 2, { Read: 49, Write: 0, Discard: 0 }),
          disk(259, 1, { Read: 68, Write: 0, Discard: 0 }),
          disk(259, 0, { Read: 872, Write: 34, Discard: 0 }),
        ],
        pressure: {
          some: pressed(0.76, 0.23, 0.05, 211052),
          full: pressed(0.06, 0.02, 0, 87064),
        },
      },
      processes: { processCount: 62 },
    },
    spec: {
      cpu: { mask: "0-1" },
      memory: { limitBytes: 1510848 * 1024, swapLimitBytes: 0 },
      processes: {},
      hasDiskIo: true,
    },
  },
  {
    recording: "6.1-v1-legacy",
    name:
      "/docker/9ee92097708adbd71d23583d26b6d685f05320516556aecd1c99f5d97cb71586",
    what: "a docker container of v1",
    stats: {
      cpu: {
        usageNs: 1_875_447_288,
        userNs: 390_000_000,
        systemNs: 1_480_000_000,
        perCpuUsageNs: [951_033_982, 939_530_628],
        periods: 151,
        throttledPeriods: 7,
        throttledNs: 774_990_284,
        burstPeriods: 0,
        burstNs: 0,
      },
      memory: {
        usageBytes: 983040,
        maxUsageBytes: 7229440,
        cacheBytes: 397312,
        rssBytes: 114688,
        swapBytes: 0,
        mappedFileBytes: 0,
        activeFileBytes: 61440,
        inactiveFileBytes: 335872,
        workingSetBytes: 983040 - 335872,
        kernelBytes: 360448,
        fileDirtyBytes: 0,
        fileWritebackBytes: 0,
        failcnt: 0,
        containerData: { pgfault: 3376, pgmajfault: 3 },
        hierarchicalData: { pgfault: 3376, pgmajfault: 3 },
        workingsetRefaultFile: 0,
        workingsetRefaultAnon: 0,
        events: { oomKill: 0 },
      },
      diskIo: {
        serviceBytes: [
          disk(259, 1, {
            Read: 0,
            Write: 0,
            Sync: 0,
            Async: 0,
            Discard: 0,
            Total: 0,
          }),
        ],
        serviced: [
          disk(259, 1, {
            Read: 0,
            Write: 0,
            Sync: 0,
            Async: 0,
            Discard: 0,
            Total: 0,
          }),
        ],
      },
      processes: { processCount: 2, threadsCurrent: 2, threadsMax: 50 },
    },
    spec: {
      cpu: { shares: 1024, quotaUsec: 50000, periodUsec: 100000, mask: "0-1" },
      memory: {
        limitBytes: 33554432,
        reservationBytes: 9223372036854771712,
        swapLimitBytes: 67108864,
        swapOnlyLimitBytes: 33554432,
      },
      processes: { limit: 50 },
      hasDiskIo: true,
    },
  },
  {
    recording: "6.18-hybrid",
    name:
      "/docker/f0b5054346d2b7dbd259a72ce0094c0b4a025f355fb40049d338329322f1cf16",
    what: "a docker container of a hybrid host, whose pressure v2 tells",
    stats: {
      cpu: {
        usageNs: 56_203_272,
        userNs: 30_000_000,
        systemNs: 10_000_000,
        perCpuUsageNs: [31_101_942, 25_101_330],
        periods: 33,
        throttledPeriods: 0,
        throttledNs: 0,
        burstPeriods: 0,
        burstNs: 0,
        pressure: {
          some: pressed(0, 0, 0, 4612),
          full: pressed(0, 0, 0, 2858),
        },
      },
      memory: {
        usageBytes: 983040,
        maxUsageBytes: 4083712,
        cacheBytes: 118784,
        rssBytes: 106496,
        swapBytes: 0,
        mappedFileBytes: 69632,
        activeFileBytes: 118784,
        inactiveFileBytes: 0,
        workingSetBytes: 983040,
        kernelBytes: 364544,
        fileDirtyBytes: 0,
        fileWritebackBytes: 0,
        failcnt: 0,
        containerData: { pgfault: 3217, pgmajfault: 2 },
        hierarchicalData: { pgfault: 3217, pgmajfault: 2 },
        workingsetRefaultFile: 29,
        workingsetRefaultAnon: 0,
        events: { oomKill: 0 },
        pressure: NO_PRESSURE,
      },
      diskIo: {
        serviceBytes: [],
        serviced: [],
        pressure: { some: pressed(0, 0, 0, 122), full: pressed(0, 0, 0, 122) },
      },
      processes: { processCount: 2, threadsCurrent: 2, threadsMax: 50 },
    },
    spec: {
      cpu: { shares: 1024, quotaUsec: 50000, periodUsec: 100000, mask: "0-1" },
      memory: {
        limitBytes: 33554432,
        reservationBytes: 9223372036854771712,
        swapLimitBytes: 67108864,
        swapOnlyLimitBytes: 33554432,
      },
      processes: { limit: 50 },
      hasDiskIo: true,
    },
  },
  {
    recording: "6.18-hybrid",
    name:
      "/rt-lab/ebb217dabe2b3e8e2ddce90ca5bf57224f30b314e68f67fd877cfcbe7af300ea",
    what: "a throttled crun container, which is in no v2 cgroup",
    stats: {
      cpu: {
        usageNs: 1_652_424_147,
        userNs: 1_590_000_000,
        systemNs: 50_000_000,
        perCpuUsageNs: [31_877_336, 1_620_546_811],
        periods: 33,
        throttledPeriods: 32,
        throttledNs: 1_607_746_013,
        burstPeriods: 0,
        burstNs: 0,
      },
      memory: {
        usageBytes: 528384,
        maxUsageBytes: 10850304,
        cacheBytes: 20480,
        rssBytes: 57344,
        swapBytes: 0,
        mappedFileBytes: 0,
        activeFileBytes: 16384,
        inactiveFileBytes: 4096,
        workingSetBytes: 528384 - 4096,
        kernelBytes: 73728,
        fileDirtyBytes: 8192,
        fileWritebackBytes: 0,
        failcnt: 0,
        containerData: { pgfault: 4664, pgmajfault: 0 },
        hierarchicalData: { pgfault: 4664, pgmajfault: 0 },
        workingsetRefaultFile: 4,
        workingsetRefaultAnon: 0,
        events: { oomKill: 0 },
      },
      diskIo: { serviceBytes: [], serviced: [] },
      processes: { processCount: 1, threadsCurrent: 1, threadsMax: 64 },
    },
    spec: {
      cpu: { shares: 512, quotaUsec: 50000, periodUsec: 100000, mask: "0-1" },
      memory: {
        limitBytes: 67108864,
        reservationBytes: 9223372036854771712,
        swapLimitBytes: 9223372036854771712,
        swapOnlyLimitBytes: Infinity,
      },
      processes: { limit: 64 },
      hasDiskIo: true,
    },
  },
  {
    recording: "6.18-hybrid",
    name: "/rt-blkio",
    what: "a v1 container that shows in one hierarchy",
    stats: {
      diskIo: {
        serviceBytes: [
          disk(7, 0, {
            Read: 2097152,
            Write: 4194304,
            Sync: 6291456,
            Async: 0,
            Discard: 0,
            Total: 6291456,
          }),
        ],
        serviced: [
          disk(7, 0, {
            Read: 32,
            Write: 64,
            Sync: 96,
            Async: 0,
            Discard: 0,
            Total: 96,
          }),
        ],
      },
    },
    spec: { hasDiskIo: true },
  },
];

/** Samples a container once; returns the result as objects. */
export function sampleOnce(handler: ContainerHandler): ContainerStats {
  const { error } = handler.sample();
  if (error !== undefined) throw error;
  const { builder: { layout, row } } = handler;
  const ring = new SampleRing(layout, 60_000, 10);
  ring.add(1, row);
  const [sample] = ring.samples();
  assert(sample !== undefined);
  return toContainerStats(sample, layout, {
    diskIo: handler.spec().hasDiskIo,
  });
}

/** Tests the contract of all cgroup handlers. */
export function runHandlerContract(
  kind: string,
  newFactory: (options: CgroupHandlerOptions) => HandlerFactory,
): void {
  const withHandler = (
    { recording, name }: RecordedContainer,
    use: (handler: ContainerHandler, host: RecordedTree) => void,
  ): void => {
    using host = new RecordedTree(recording);
    const { fs, hierarchies } = host;
    const handler = newFactory({ fs, hierarchies, kinds: ALL_KINDS })
      .create(name);
    try {
      use(handler, host);
    } finally {
      handler.close();
    }
    assertEquals(fs.openFiles, 0);
  };

  for (const container of RECORDED_CONTAINERS) {
    const { what, stats, spec } = container;

    Deno.test(`${kind} reads the recorded values of ${what}`, () => {
      withHandler(container, (handler) => {
        assertEquals(sampleOnce(handler), { timestampMs: 1, ...stats });
        // Open files return the same.
        assertEquals(sampleOnce(handler), { timestampMs: 1, ...stats });
      });
    });

    Deno.test(`${kind} reads the limits of ${what}`, () => {
      withHandler(container, (handler) => {
        const { creationTimeMs = NaN, ...rest } = handler.spec();
        assertEquals(rest, spec);
        assert(Math.abs(creationTimeMs - Date.now()) < 60_000);
        assertEquals(handler.reference.name, container.name);
      });
    });
  }
}
