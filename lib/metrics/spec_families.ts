import { type Family, gauge } from "./family.ts";
import { type ContainerSnapshot, limit } from "./container_snapshot.ts";

/** Start times and limits. */
export const SPEC_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  {
    ...gauge(
      "container_last_seen",
      "Time of the scrape in seconds since the epoch.",
      ({ spec, nowMs }: ContainerSnapshot, emit) =>
        emit(spec && seconds(nowMs)),
    ),
    isVolatile: true,
  },
  gauge(
    "container_health_state",
    "Health: 1 for healthy, 0 for unhealthy or starting, -1 without a health check.",
    ({ spec }, emit) => emit(spec && healthState(spec.health)),
  ),
  gauge(
    "container_creation_time_seconds",
    "Creation time in seconds since the epoch.",
    ({ spec }, emit) => emit(seconds(spec?.creationTimeMs)),
  ),
  gauge(
    "container_start_time_seconds",
    "Start time in seconds since the epoch; creation time if unknown.",
    ({ spec }, emit) =>
      emit(seconds(spec?.startTimeMs ?? spec?.creationTimeMs)),
  ),
  gauge(
    "container_spec_cpu_period",
    "CPU quota period in microseconds.",
    ({ spec }, emit) => emit(spec?.cpu?.periodUsec),
  ),
  gauge(
    "container_spec_cpu_quota",
    "CPU quota per period in microseconds.",
    ({ spec }, emit) => emit(spec?.cpu?.quotaUsec),
  ),
  gauge(
    "container_spec_cpu_shares",
    "CPU shares, relative to sibling cgroups.",
    ({ spec }, emit) => emit(spec?.cpu?.shares),
  ),
  gauge(
    "container_spec_memory_limit_bytes",
    "Memory limit in bytes; 0 is no limit.",
    ({ spec }, emit) => emit(limit(spec?.memory?.limitBytes)),
  ),
  gauge(
    "container_spec_memory_swap_limit_bytes",
    "Swap limit in bytes, on cgroup v1 including memory; 0 is no limit.",
    ({ spec }, emit) => emit(limit(spec?.memory?.swapLimitBytes)),
  ),
  gauge(
    "container_spec_memory_reservation_limit_bytes",
    "Memory reservation in bytes; 0 without a reservation.",
    ({ spec }, emit) => emit(limit(spec?.memory?.reservationBytes)),
  ),
];

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}

function healthState(health: string | undefined): number {
  if (health === undefined) return -1;
  return health === "healthy" ? 1 : 0;
}
