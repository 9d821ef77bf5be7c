import { KUBERNETES_LABELS } from "../manager/pods.ts";
import { type Family, gauge } from "./family.ts";
import { formatLabels } from "./labels.ts";
import type { ContainerSnapshot } from "./container_snapshot.ts";

/** For joins with other exporters' metrics. */
export const INFO_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  gauge(
    "cgwatch_container_info",
    "Container and pod IDs as labels; always 1.",
    ({ reference, spec }, emit) => {
      const { id, namespace } = reference;
      if (spec === undefined || id === undefined || namespace === undefined) {
        return;
      }
      emit(
        1,
        formatLabels([
          ["container_id", `${namespace}://${id}`],
          ["pod_uid", spec.labels?.[KUBERNETES_LABELS.uid]],
        ]),
      );
    },
    ["container_id", "pod_uid"],
  ),
];
