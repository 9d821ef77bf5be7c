import { GROUP_COLUMNS } from "../model/sample.ts";
import { counter, type Family, gauge, ofKinds } from "./family.ts";
import {
  column,
  columnOf,
  group,
  groupOf,
  has,
  limit,
  type Measured,
  remembered,
  valueAt,
} from "./measured.ts";

const USEC = 1e6;

/** A domain of resctrl is `mon_L3_01`: its number is the kernel's. */
const domainLabel = remembered((key) =>
  `node_id="${Number(/\d+$/.exec(key)?.[0] ?? NaN)}"`
);

const PROCESS_FAMILIES: readonly Family<Measured>[] = [
  gauge(
    "container_processes",
    "Processes in it, not in those below.",
    column("processCount"),
  ),
  gauge(
    "container_file_descriptors",
    "Open descriptors of its processes.",
    group("descriptors", "fdCount"),
  ),
  gauge(
    "container_sockets",
    "Those of them that are sockets.",
    group("descriptors", "socketCount"),
  ),
  gauge(
    "container_threads_max",
    "How many threads there may be; 0 is no limit.",
    (measured, emit) => emit(limit(columnOf(measured, "threadsMax"))),
  ),
  gauge(
    "container_threads",
    "Threads in it and in those below.",
    column("threadsCurrent"),
  ),
  gauge(
    "container_ulimits_soft",
    "Soft limits of its first process; -1 is none.",
    {
      has: has("ulimit"),
      each: (measured, emit) => {
        const soft = GROUP_COLUMNS.ulimit.indexOf("softLimit");
        for (const found of measured.layout.of("ulimit")) {
          const value = valueAt(measured, found, soft);
          emit(value === Infinity ? -1 : value, `ulimit="${found.key}"`);
        }
      },
    },
    ["ulimit"],
  ),
];

const RESCTRL_FAMILIES: readonly Family<Measured>[] = ([
  ["container_memory_bandwidth_bytes", "totalBytes", "Memory bandwidth used."],
  [
    "container_memory_bandwidth_local_bytes",
    "localBytes",
    "Memory bandwidth used to its own node.",
  ],
  [
    "container_llc_occupancy_bytes",
    "llcOccupancyBytes",
    "Room that it takes in the last level cache.",
  ],
] as const).map(([name, of, help]) =>
  gauge(
    name,
    help,
    {
      has: has("resctrl"),
      each: (measured, emit) => {
        const index = GROUP_COLUMNS.resctrl.indexOf(of);
        for (const found of measured.layout.of("resctrl")) {
          emit(valueAt(measured, found, index), domainLabel(found.key));
        }
      },
    },
    ["node_id"],
  )
);

/** A container's tasks: how many there are, what ended them, and what they waited for. */
export const TASK_FAMILIES: readonly Family<Measured>[] = [
  ...ofKinds(["process"], PROCESS_FAMILIES),
  ...ofKinds(["resctrl"], RESCTRL_FAMILIES),
  ...ofKinds(["oom_event"], [
    counter(
      "container_oom_events_total",
      "Processes in it that the kernel killed for want of memory; told for five minutes more when it is gone.",
      ({ oomKills }: Measured, emit) => emit(oomKills),
    ),
  ]),
  ...ofKinds(["pressure"], [
    ...pressureFamilies("cpu"),
    ...pressureFamilies("memory"),
  ]),
  ...ofKinds(["pressure", "diskIO"], pressureFamilies("io")),
];

/** cAdvisor calls "stalled" what the kernel calls "full", and "waiting" what it calls "some". */
function pressureFamilies(of: "cpu" | "memory" | "io"): Family<Measured>[] {
  return [
    counter(
      `container_pressure_${of}_stalled_seconds_total`,
      `How long all its tasks that had work to do waited for ${of} at once.`,
      groupOf("pressure", of, "fullTotalUsec", USEC),
    ),
    counter(
      `container_pressure_${of}_waiting_seconds_total`,
      `How long at least one of its tasks waited for ${of}.`,
      groupOf("pressure", of, "someTotalUsec", USEC),
    ),
  ];
}
