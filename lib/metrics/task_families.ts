import { GROUP_COLUMNS } from "../model/sample.ts";
import { counter, type Family, gauge, ofKinds } from "./family.ts";
import {
  column,
  columnValue,
  type ContainerSnapshot,
  group,
  groupOf,
  groupValue,
  has,
  limit,
  memoized,
} from "./container_snapshot.ts";

const USEC = 1e6;

/** A domain is named `mon_L3_01`. */
const domainLabel = memoized((key) =>
  `node_id="${Number(/\d+$/.exec(key)?.[0] ?? NaN)}"`
);

const PROCESS_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  gauge(
    "container_processes",
    "Processes of the cgroup itself, descendants excluded.",
    column("processCount"),
  ),
  gauge(
    "container_file_descriptors",
    "Open file descriptors of the processes.",
    group("descriptors", "fdCount"),
  ),
  gauge(
    "container_sockets",
    "Open sockets of the processes.",
    group("descriptors", "socketCount"),
  ),
  gauge(
    "container_threads_max",
    "Maximum number of threads; 0 is no limit.",
    (snapshot, emit) => emit(limit(columnValue(snapshot, "threadsMax"))),
  ),
  gauge(
    "container_threads",
    "Threads of the subtree.",
    column("threadsCurrent"),
  ),
  gauge(
    "container_ulimits_soft",
    "Soft limits of the first process; -1 is no limit.",
    {
      has: has("ulimit"),
      each: (snapshot, emit) => {
        const soft = GROUP_COLUMNS.ulimit.indexOf("softLimit");
        for (const found of snapshot.layout.of("ulimit")) {
          const value = groupValue(snapshot, found, soft);
          emit(value === Infinity ? -1 : value, `ulimit="${found.key}"`);
        }
      },
    },
    ["ulimit"],
  ),
];

const RESCTRL_FAMILIES: readonly Family<ContainerSnapshot>[] = ([
  [
    "container_memory_bandwidth_bytes",
    "totalBytes",
    "Memory traffic in bytes.",
  ],
  [
    "container_memory_bandwidth_local_bytes",
    "localBytes",
    "Memory traffic to the local NUMA node in bytes.",
  ],
  [
    "container_llc_occupancy_bytes",
    "llcOccupancyBytes",
    "Last-level cache occupancy in bytes.",
  ],
] as const).map(([name, of, help]) =>
  gauge(
    name,
    help,
    {
      has: has("resctrl"),
      each: (snapshot, emit) => {
        const index = GROUP_COLUMNS.resctrl.indexOf(of);
        for (const found of snapshot.layout.of("resctrl")) {
          emit(groupValue(snapshot, found, index), domainLabel(found.key));
        }
      },
    },
    ["node_id"],
  )
);

/** Processes, OOM kills and pressure. */
export const TASK_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...ofKinds(["process"], PROCESS_FAMILIES),
  ...ofKinds(["resctrl"], RESCTRL_FAMILIES),
  ...ofKinds(["oom_event"], [
    counter(
      "container_oom_events_total",
      "Processes of the container killed by the OOM killer; kept for 5 minutes after the container is removed.",
      ({ oomKills }: ContainerSnapshot, emit) => emit(oomKills),
    ),
  ]),
  ...ofKinds(["pressure"], [
    ...pressureFamilies("cpu"),
    ...pressureFamilies("memory"),
  ]),
  ...ofKinds(["pressure", "diskIO"], pressureFamilies("io")),
];

/** cAdvisor's "stalled" is the kernel's "full", "waiting" is "some". */
function pressureFamilies(
  of: "cpu" | "memory" | "io",
): Family<ContainerSnapshot>[] {
  return [
    counter(
      `container_pressure_${of}_stalled_seconds_total`,
      `Time in seconds in which all active tasks waited for ${of}.`,
      groupOf("pressure", of, "fullTotalUsec", USEC),
    ),
    counter(
      `container_pressure_${of}_waiting_seconds_total`,
      `Time in seconds in which at least one task waited for ${of}.`,
      groupOf("pressure", of, "someTotalUsec", USEC),
    ),
  ];
}
