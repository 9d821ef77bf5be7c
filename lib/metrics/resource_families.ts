import { NO_LIMIT_BYTES, swapLimitOf } from "../model/container.ts";
import type { DescribedContainer, NodeSummary } from "../model/node_summary.ts";
import { type Section, section } from "./exposition.ts";
import { counter, type Family, gauge } from "./family.ts";
import { formatLabels } from "./labels.ts";

const NS = 1e9;

interface LabeledContainer extends DescribedContainer {
  readonly labels: string;
}

/**
 * The kubelet's resource metrics (`/metrics/resource`), for autoscaling.
 * Unnamed pods are omitted.
 */
export function resourceSections(
  summary: NodeSummary | undefined,
): Section<never>[] {
  const pods = (summary?.pods ?? []).filter(({ name, namespace }) =>
    name !== undefined && namespace !== undefined
  );
  const { root } = summary ?? {};
  const labelsOf = ({ labels }: LabeledContainer) => labels;
  return [
    section<LabeledContainer>({
      families: usageFamilies("node"),
      subjects: root === undefined ? [] : [{ ...root, labels: "" }],
      labelsOf,
    }),
    section<LabeledContainer>({
      families: CONTAINER_FAMILIES,
      subjects: pods.flatMap(({ containers, name, namespace }) =>
        containers.map((container) => ({
          ...container,
          labels: formatLabels([
            ["container", container.name],
            ["pod", name],
            ["namespace", namespace],
          ]),
        }))
      ),
      labelsOf,
    }),
    section<LabeledContainer>({
      families: usageFamilies("pod"),
      subjects: pods.flatMap(({ cgroup, name, namespace }) =>
        cgroup === undefined ? [] : [{
          ...cgroup,
          labels: formatLabels([["pod", name], ["namespace", namespace]]),
        }]
      ),
      labelsOf,
    }),
    section<boolean>({
      families: ERROR_FAMILIES,
      subjects: [summary === undefined],
      labelsOf: () => "",
    }),
  ];
}

const ERROR_FAMILIES: readonly Family<boolean>[] = [
  gauge(
    "resource_scrape_error",
    "1 if metrics could not be collected, otherwise 0.",
    (isError, emit) => emit(isError ? 1 : 0),
  ),
  gauge(
    "scrape_error",
    "Former name of resource_scrape_error.",
    (isError, emit) => emit(isError ? 1 : 0),
  ),
];

const CONTAINER_FAMILIES: readonly Family<LabeledContainer>[] = [
  gauge(
    "container_start_time_seconds",
    "Start time of the container in seconds since the epoch.",
    ({ spec: { startTimeMs, creationTimeMs } }, emit) =>
      emit((startTimeMs ?? creationTimeMs ?? NaN) / 1000),
  ),
  ...usageFamilies("container"),
  gauge(
    "container_swap_limit_bytes",
    "Swap limit in bytes, excluding memory.",
    ({ spec: { memory } }, emit) => {
      const limitBytes = swapLimitOf(memory) ?? Infinity;
      if (limitBytes < NO_LIMIT_BYTES) emit(limitBytes);
    },
  ),
];

function usageFamilies(
  of: "node" | "container" | "pod",
): Family<LabeledContainer>[] {
  return [
    counter(
      `${of}_cpu_usage_seconds_total`,
      "CPU time in seconds.",
      ({ stats }, emit) => emit((stats?.cpu?.usageNs ?? NaN) / NS),
    ),
    gauge(
      `${of}_memory_working_set_bytes`,
      "Working set in bytes: memory usage minus inactive file pages.",
      ({ stats }, emit) => emit(stats?.memory?.workingSetBytes),
    ),
    gauge(
      `${of}_swap_usage_bytes`,
      "Swap usage in bytes.",
      ({ stats }, emit) => emit(stats?.memory?.swapBytes),
    ),
  ];
}
