import { NUMBERED_COUNTERS } from "./disk_counters.ts";
import { readRecorded, RecordedTree, unpack } from "./recorded_tree.ts";
import { MetricsFixture } from "./metrics_fixture.ts";

const CGROUP = "sys/fs/cgroup";
const V2_DOCKER =
  "system.slice/docker-76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e.scope";
const V1_DOCKER =
  "docker/9ee92097708adbd71d23583d26b6d685f05320516556aecd1c99f5d97cb71586";

/** The only process of the container, and the host's first. */
const PIDS = [7, 1];

const FILESYSTEM = {
  device: "/dev/vda",
  type: "vfs",
  mountPoint: "/",
  major: 254,
  minor: 0,
  labels: [],
  capacityBytes: 100,
  usageBytes: 60,
  availableBytes: 30,
  inodes: 10,
  inodesFree: 4,
  io: NUMBERED_COUNTERS,
};

/**
 * A recorded host with hand-written additions, so that every metric has a
 * value.
 */
export class CompleteHost implements Disposable {
  readonly fixture: MetricsFixture;
  readonly #recorded: RecordedTree;

  constructor(version: 1 | 2) {
    this.#recorded = new RecordedTree(
      version === 1 ? "6.1-v1-legacy" : "6.1-v2",
    );
    this.#addProcesses();
    this.#addMachine();
    if (version === 1) this.#addV1();
    else this.#addV2();
    this.fixture = new MetricsFixture(this.#recorded, {
      filesystems: { at: () => [FILESYSTEM] },
    });
    this.fixture.kills.set("/", 1);
  }

  [Symbol.dispose](): void {
    this.fixture[Symbol.dispose]();
    this.#recorded[Symbol.dispose]();
  }

  #addProcesses(): void {
    const { root } = this.#recorded;
    const sockets = ["tcp", "tcp6", "udp", "udp6", "snmp", "netstat"];
    for (const pid of PIDS) {
      root.file(
        `proc/${pid}/net/dev`,
        readRecorded("proc", "6.1-v2-docker-net-dev.txt"),
      );
      for (const file of sockets) {
        root.file(
          `proc/${pid}/net/${file}`,
          readRecorded("proc", `6.18-net-${file}.txt`),
        );
      }
      root.file(`proc/${pid}/limits`, readRecorded("proc", "6.18-limits.txt"))
        .file(`proc/${pid}/schedstat`, "10 20 3\n")
        .file(
          `proc/${pid}/smaps_rollup`,
          readRecorded("proc", "6.18-smaps_rollup.txt"),
        );
    }
  }

  /**
   * Adds a virtual machine's attributes, memory modules that it does not see,
   * and mainframe topology.
   */
  #addMachine(): void {
    const { root } = this.#recorded;
    const mountinfo = Deno.readTextFileSync(`${root.path}/proc/1/mountinfo`);
    unpack(root, readRecorded("machine", "6.18-vm.txt"), "");
    root.file("proc/self/mountinfo", mountinfo);
    root.file("sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type", "DDR4\n")
      .file("sys/devices/system/edac/mc/mc0/dimm0/size", "16384\n");
    for (const part of ["book_id", "drawer_id"]) {
      for (const cpu of ["cpu0", "cpu1"]) {
        root.file(`sys/devices/system/cpu/${cpu}/topology/${part}`, "0\n");
      }
    }
    root.file("sys/dev/block/254:0/uevent", "DEVNAME=vda\n");
    root.file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
  }

  #addV2(): void {
    const { root } = this.#recorded;
    const container = `${CGROUP}/${V2_DOCKER}`;
    root.file(`${container}/cgroup.procs`, "7\n")
      .file(`${container}/cgroup.threads`, "7\n")
      .file(
        `${container}/io.stat`,
        "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.vrate=100.00 cost.usage=5 cost.wait=6 cost.indebt=7 cost.indelay=8\n",
      )
      .file(`${container}/hugetlb.2MB.current`, "0\n")
      .file(`${container}/hugetlb.2MB.events`, "max 3\n");
    const group = "sys/fs/resctrl/mon_groups/web";
    root.child("sys/fs/resctrl/info/L3_MON");
    root.file(`${group}/tasks`, "7\n")
      .file(`${group}/mon_data/mon_L3_00/mbm_total_bytes`, "1\n")
      .file(`${group}/mon_data/mon_L3_00/mbm_local_bytes`, "2\n")
      .file(`${group}/mon_data/mon_L3_00/llc_occupancy`, "3\n");
  }

  #addV1(): void {
    const { root } = this.#recorded;
    const pages = `${CGROUP}/hugetlb/${V1_DOCKER}/hugetlb.2MB`;
    root.file(`${pages}.usage_in_bytes`, "0\n")
      .file(`${pages}.max_usage_in_bytes`, "1\n")
      .file(`${pages}.failcnt`, "2\n");
    for (
      const file of [
        "io_service_bytes",
        "io_serviced",
        "io_queued",
        "io_service_time",
        "io_wait_time",
        "io_merged",
      ]
    ) {
      root.file(
        `${CGROUP}/blkio/${V1_DOCKER}/blkio.${file}_recursive`,
        "254:0 Read 1\n254:0 Write 2\n254:0 Sync 3\n254:0 Async 4\n254:0 Total 3\nTotal 3\n",
      );
    }
    root.file(`${CGROUP}/blkio/${V1_DOCKER}/blkio.time_recursive`, "254:0 5\n")
      .file(
        `${CGROUP}/blkio/${V1_DOCKER}/blkio.sectors_recursive`,
        "254:0 6\n",
      );
  }
}
