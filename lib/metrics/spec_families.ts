import { type Family, gauge } from "./family.ts";
import { limit, type Measured } from "./measured.ts";

/** When a container was made, and what it may use. */
export const SPEC_FAMILIES: readonly Family<Measured>[] = [
  {
    ...gauge(
      "container_last_seen",
      "When it was seen last, in seconds since the epoch.",
      ({ spec, nowMs }: Measured, emit) => emit(spec && seconds(nowMs)),
    ),
    anew: true,
  },
  gauge(
    "container_health_state",
    "1 where it is healthy, 0 where it is not or not yet, -1 where nothing checks it.",
    ({ spec }, emit) => emit(spec && healthState(spec.health)),
  ),
  gauge(
    "container_creation_time_seconds",
    "When it was made, in seconds since the epoch.",
    ({ spec }, emit) => emit(seconds(spec?.creationTimeMs)),
  ),
  gauge(
    "container_start_time_seconds",
    "When it was started, or else made, in seconds since the epoch.",
    ({ spec }, emit) =>
      emit(seconds(spec?.startTimeMs ?? spec?.creationTimeMs)),
  ),
  gauge(
    "container_spec_cpu_period",
    "The period of its CPU quota, in microseconds.",
    ({ spec }, emit) => emit(spec?.cpu?.periodUsec),
  ),
  gauge(
    "container_spec_cpu_quota",
    "The CPU time it may use in a period, in microseconds.",
    ({ spec }, emit) => emit(spec?.cpu?.quotaUsec),
  ),
  gauge(
    "container_spec_cpu_shares",
    "Its share of the CPUs, against those of its siblings.",
    ({ spec }, emit) => emit(spec?.cpu?.shares),
  ),
  gauge(
    "container_spec_memory_limit_bytes",
    "Its limit of memory; 0 is none.",
    ({ spec }, emit) => emit(limit(spec?.memory?.limitBytes)),
  ),
  gauge(
    "container_spec_memory_swap_limit_bytes",
    "Its limit of swap, on cgroup v1 of memory and swap; 0 is none.",
    ({ spec }, emit) => emit(limit(spec?.memory?.swapLimitBytes)),
  ),
  gauge(
    "container_spec_memory_reservation_limit_bytes",
    "The memory that is kept for it before others; 0 is no limit.",
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
