import type { Config } from "./config.ts";
import { readFirstPid } from "./kernfs/first_pid.ts";
import type { Hierarchies } from "./kernfs/hierarchy.ts";
import type { HostFs } from "./kernfs/host_fs.ts";
import type { Clock } from "./model/clock.ts";
import { ContainerLookup } from "./runtimes/container_lookup.ts";
import type { EngineName } from "./runtimes/docker_json.ts";
import { EngineClient } from "./runtimes/engine_client.ts";
import { EngineWatcher } from "./runtimes/engine_watcher.ts";
import { Identities } from "./runtimes/identities.ts";
import { LabelFilter } from "./runtimes/label_filter.ts";
import { RuntimeFiles } from "./runtimes/runtime_files.ts";

/** What of the agent's configuration is of runtimes. */
export type RuntimesConfig = Pick<
  Config,
  "containerLabels" | "engineSockets" | "runtimeRoots" | "storeContainerLabels"
>;

/** Who knows what the containers are called, and who tells it. */
export interface Runtimes {
  /** Asks the runtimes' files and sockets. */
  readonly identities: Identities;
  /** Hear from the engines by themselves. */
  readonly engineWatchers: readonly EngineWatcher[];
}

/** Makes what names the containers of this host. */
export function openRuntimes(
  config: RuntimesConfig,
  { fs, hierarchies, clock }: {
    readonly fs: HostFs;
    readonly hierarchies: Hierarchies;
    readonly clock: Clock;
  },
): Runtimes {
  const labels = new LabelFilter({
    allowed: config.containerLabels,
    all: config.storeContainerLabels,
  });
  const engines = new Map(
    Object.entries(config.engineSockets).map(([runtime, path]) =>
      [
        runtime as EngineName,
        new EngineClient({ socketPath: fs.path(path) }),
      ] as const
    ),
  );
  const lookup = new ContainerLookup({
    files: new RuntimeFiles(fs),
    clock,
    labels,
    overrides: config.runtimeRoots,
    engines,
  });
  return {
    identities: new Identities({
      clock,
      lookup,
      firstPid: (cgroup) => readFirstPid(fs, hierarchies, cgroup),
    }),
    engineWatchers: [...engines].map(([runtime, engine]) =>
      new EngineWatcher({ runtime, engine, clock, labels })
    ),
  };
}
