import type { DirectoryUsage } from "../kernfs/directory_usage.ts";
import type { NamedContainer, PodSummary } from "../model/node_summary.ts";

/** Where the kubelet has its runtimes write what containers print. */
const LOGS = "/var/log/pods";

/** Tells what the logs of the containers of pods take on disk. */
export class PodLogs {
  readonly #usage: Pick<DirectoryUsage, "of" | "forget">;
  #directories = new Set<string>();

  constructor(usage: Pick<DirectoryUsage, "of" | "forget">) {
    this.#usage = usage;
  }

  /** The pods, with what is known by now; counting goes on meanwhile, and ends for those that are gone. */
  measure(pods: readonly PodSummary[]): PodSummary[] {
    const directories = new Set<string>();
    const measured = pods.map((pod): PodSummary => {
      const directory = directoryOf(pod);
      if (directory === undefined) return pod;
      const containers = pod.containers.map((container): NamedContainer => {
        const path = `${directory}/${container.name}`;
        directories.add(path);
        const logs = this.#usage.of(path);
        return logs === undefined ? container : { ...container, logs };
      });
      return { ...pod, containers };
    });
    for (const gone of this.#directories.difference(directories)) {
      this.#usage.forget(gone);
    }
    this.#directories = directories;
    return measured;
  }
}

/** `/var/log/pods/<namespace>_<name>_<uid>`, of whose parts none may lead elsewhere. */
function directoryOf(
  { namespace, name, uid, containers }: PodSummary,
): string | undefined {
  const parts = [namespace, name, uid, ...containers.map(({ name }) => name)];
  if (!parts.every((part) => part !== undefined && isPlain(part))) {
    return undefined;
  }
  return `${LOGS}/${namespace}_${name}_${uid}`;
}

function isPlain(part: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*$/i.test(part);
}
