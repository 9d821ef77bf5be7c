import { ROOT } from "../model/cgroup.ts";
import type {
  DescribedContainer,
  NamedContainer,
  PodSummary,
} from "../model/node_summary.ts";
import { parseCgroupOrigin } from "../runtimes/cgroup_origin.ts";
import type { NodeProgram } from "./node_programs.ts";
import { systemContainersOf } from "./system_containers.ts";

/** Labels of Kubernetes' runtimes. */
export const KUBERNETES_LABELS = {
  container: "io.kubernetes.container.name",
  pod: "io.kubernetes.pod.name",
  namespace: "io.kubernetes.pod.namespace",
  uid: "io.kubernetes.pod.uid",
} as const;

/** dockershim's and CRI-O's name of the sandbox container. */
const SANDBOX = "POD";

/** Containers of the node and of its pods. */
export interface GroupedContainers {
  readonly root?: DescribedContainer;
  readonly systemContainers: readonly NamedContainer[];
  readonly pods: readonly PodSummary[];
}

interface Pod {
  uid?: string;
  name?: string;
  namespace?: string;
  cgroup?: DescribedContainer;
  sandbox?: DescribedContainer;
  readonly containers: Map<string, NamedContainer[]>;
}

/**
 * Finds pods by cgroup names, which contain the pod's UID and the container's
 * ID, and by runtime labels. As in the kubelet, pods without running containers
 * are left out.
 */
export function groupByPod(
  containers: readonly DescribedContainer[],
  programs: readonly NodeProgram[] = [],
): GroupedContainers {
  const pods = new Map<string, Pod>();
  for (const container of containers) addToPod(pods, container);
  const root = containers.find(({ reference }) => reference.name === ROOT);
  return {
    ...(root !== undefined && { root }),
    systemContainers: systemContainersOf(containers, programs),
    pods: [...pods.values()].filter(({ containers }) => containers.size > 0)
      .map(({ containers, ...pod }) => ({
        ...pod,
        containers: Array.from(containers.values(), theRunning),
      })),
  };
}

function addToPod(pods: Map<string, Pod>, container: DescribedContainer): void {
  const { reference, spec: { labels = {} } } = container;
  const origin = parseCgroupOrigin(reference.name);
  if (origin === undefined || origin.kind === "unit") return;
  const name = labels[KUBERNETES_LABELS.pod];
  const namespace = labels[KUBERNETES_LABELS.namespace];
  const uid = labels[KUBERNETES_LABELS.uid] ?? origin.podUid;
  if (uid === undefined && (name === undefined || namespace === undefined)) {
    return;
  }
  const key = uid ?? `${namespace}/${name}`;
  const pod: Pod = pods.get(key) ?? { containers: new Map() };
  pods.set(key, pod);
  if (uid !== undefined) pod.uid = uid;
  if (origin.kind === "pod") {
    pod.cgroup = container;
    return;
  }
  if (name !== undefined) pod.name = name;
  if (namespace !== undefined) pod.namespace = namespace;
  const containerName = labels[KUBERNETES_LABELS.container];
  // containerd's sandboxes have only the pod's labels.
  if (
    containerName === SANDBOX ||
    (containerName === undefined && name !== undefined)
  ) {
    pod.sandbox = container;
    return;
  }
  // Runtimes name a container within milliseconds, before its first sample.
  if (containerName === undefined && container.stats === undefined) return;
  const named = { ...container, name: containerName ?? origin.id };
  const same = pod.containers.get(named.name);
  if (same === undefined) pod.containers.set(named.name, [named]);
  else same.push(named);
}

/** Returns the newest active container of those with one name. */
function theRunning(same: readonly NamedContainer[]): NamedContainer {
  const newestFirst = same.toSorted((one, other) =>
    (other.spec.creationTimeMs ?? 0) - (one.spec.creationTimeMs ?? 0)
  );
  const running = newestFirst.find(({ stats }) =>
    (stats?.cpuInst?.usage ?? 0) > 0 && (stats?.memory?.rssBytes ?? 0) > 0
  );
  return running ?? newestFirst[0] as NamedContainer;
}
