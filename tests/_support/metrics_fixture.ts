import { SampleRing } from "../../lib/cache/memory_cache.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import { METRIC_KINDS } from "../../lib/config/flags.ts";
import {
  CgroupHandler,
  type CgroupHandlerOptions,
} from "../../lib/handlers/cgroup_handler.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { readMachine, readVersions } from "../../lib/kernfs/machine.ts";
import { ManagedContainer } from "../../lib/manager/managed_container.ts";
import { type CgroupName, ROOT } from "../../lib/model/cgroup.ts";
import { Histogram } from "../../lib/model/histogram.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import type { MachineAttributes } from "../../lib/model/machine.ts";
import type { ScrapeRequest } from "../../lib/model/scrape.ts";
import type { RemovedContainer } from "../../lib/runtimes/identity_store.ts";
import { Metrics } from "../../lib/metrics/metrics.ts";
import { walkSync } from "@std/fs/walk";
import { fromFileUrl } from "@std/path";
import { decodeChunks } from "./exposition.ts";
import { FakeClock } from "./fake_clock.ts";
import type { RecordedTree } from "./recorded_tree.ts";

const KINDS = new Set(METRIC_KINDS);

/** Directory of the recorded hosts' expositions. */
export const GOLDENS = fromFileUrl(
  new URL("../testdata/metrics", import.meta.url),
);

/** Creation time of all files of the tree. */
const MADE = new Date(Date.UTC(2026, 10, 23, 6, 0, 0));

/** A recorded host whose containers can be scraped; no agent watches it. */
export class MetricsFixture implements Disposable {
  readonly containers: readonly ManagedContainer[];
  readonly metrics: Metrics;
  /** Kills by container, including removed ones. */
  readonly kills = new Map<CgroupName, number>();
  /** Metadata of removed containers. */
  readonly ended = new Map<CgroupName, RemovedContainer>();
  readonly clock = new FakeClock();

  constructor(
    { fs, hierarchies }: RecordedTree,
    options: Pick<CgroupHandlerOptions, "filesystems"> = {},
  ) {
    setTimes(fs.root);
    const { clock } = this;
    const names = new Set<CgroupName>();
    for (const { path } of hierarchies.all) collect(fs, path, ROOT, names);
    this.containers = [...names].toSorted().map((name) => {
      const handler = new CgroupHandler({ name }, {
        fs,
        hierarchies,
        kinds: KINDS,
        ...options,
      });
      return new ManagedContainer({
        handler,
        ring: new SampleRing(handler.builder.layout, 120_000, 4),
        createdMs: undefined,
        housekeeping: {
          intervalMs: 1_000,
          maxIntervalMs: 1_000,
          dynamic: false,
        },
        clock,
        logger: silentLogger,
        onGone: () => {},
      });
    });
    for (const container of this.containers) container.sample();
    clock.advance(1_000);
    this.metrics = new Metrics({
      clock,
      logger: silentLogger,
      kinds: KINDS,
      maxAgeMs: 2_000,
      ownFs: new HostFs({ root: "/tmp/no-such-root" }),
      counters: () => ({ streams: { open: 0, lost: 0 } }),
      manager: {
        managedContainers: () => Promise.resolve(this.containers),
        removedContainer: (name) => this.ended.get(name),
        oomKills: () => this.kills,
        machineInfo: () => ({ ...machineOf(fs, clock.now()), filesystems: [] }),
        versionInfo: () => ({ ...readVersions(fs), version: "0.0.0" }),
        nodeSummary: () => Promise.reject(new Error("None is recorded")),
        sources: () => [],
        counters: {
          directories: 0,
          rescans: {},
          containers: this.containers.length,
          housekeeping: new Histogram([]),
          oomKills: 0,
          events: new EventManager({ node: "n1", bootId: "boot", clock })
            .counters,
        },
      },
    });
  }

  [Symbol.dispose](): void {
    for (const container of this.containers) container.close();
  }

  /** Returns the exposition of a scrape. */
  async scrape(request: Partial<ScrapeRequest> = {}): Promise<string> {
    const chunks = await this.metrics.scrape({
      format: "prometheus",
      names: new Set(),
      containers: {},
      ...request,
    });
    return decodeChunks(chunks);
  }
}

function machineOf(fs: HostFs, timestampMs: number): MachineAttributes {
  const steps = readMachine(fs, {
    timestampMs,
    machineIdFiles: [],
    bootId: "boot",
  });
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function collect(
  fs: HostFs,
  path: string,
  name: CgroupName,
  names: Set<CgroupName>,
): void {
  names.add(name);
  for (const child of fs.subdirectories(path)) {
    const below = name === ROOT ? `/${child}` : `${name}/${child}`;
    collect(fs, `${path}/${child}`, below, names);
  }
}

/** The age of a container is that of its directories. */
function setTimes(path: string): void {
  for (const entry of walkSync(path)) {
    if (!entry.isSymlink) Deno.utimeSync(entry.path, MADE, MADE);
  }
}
