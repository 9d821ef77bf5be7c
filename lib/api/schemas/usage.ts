/**
 * JSON of `/api/v2.1/usage`.
 *
 * @module
 */

/** Keyed by name. */
export const USAGE_SCHEMAS = {
  UsageTable: {
    "timestamp":
      "integer: Time of the request in milliseconds since the epoch, for `since`",
    "columns":
      "[string]: Names of the columns. Units: `timestamp` milliseconds since the epoch, `cpu` CPUs, `throttled` fraction of CFS periods; `memory`, `memory_limit`, `working_set` bytes; `io_read`, `io_write`, `network_rx`, `network_tx` bytes per second",
    "containers":
      "{[[string | number | null]]}: By cgroup path: one row of values per sample, oldest first; null if a value is not measured",
  },
} as const satisfies Record<string, Record<string, string>>;
