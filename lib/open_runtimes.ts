import type { Config } from "./config/config.ts";
import { readFirstPid } from "./kernfs/cgroup/first_pid.ts";
import type { Hierarchies } from "./kernfs/cgroup/hierarchy.ts";
import type { HostFs } from "./kernfs/host_fs.ts";
import type { Clock } from "./model/clock.ts";
import { ContainerLookup } from "./runtimes/container_lookup.ts";
import { ContainerdEngine } from "./runtimes/containerd_engine.ts";
import { DockerEngine } from "./runtimes/docker_engine.ts";
import type { Engine } from "./runtimes/engine.ts";
import { EngineSocket } from "./runtimes/engine_socket.ts";
import { EngineWatcher } from "./runtimes/engine_watcher.ts";
import { Identities } from "./runtimes/identities.ts";
import { ImageStores } from "./runtimes/image_stores.ts";
import { LabelFilter } from "./runtimes/label_filter.ts";
import { RuntimeFiles } from "./runtimes/runtime_files.ts";
import { readContainerdSockets } from "./runtimes/runtime_roots.ts";

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
  /** Which file systems have images. */
  readonly imageStores: ImageStores;
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
  const files = new RuntimeFiles(fs);
  const { docker, podman } = config.engineSockets;
  const dockerEngine = new DockerEngine({
    runtime: "docker",
    socket: socketAt(docker),
    labels,
  });
  const engines: readonly Engine[] = [
    dockerEngine,
    new DockerEngine({ runtime: "podman", socket: socketAt(podman), labels }),
    new ContainerdEngine({
      socket: new EngineSocket({
        paths: async () => {
          const paths = await readContainerdSockets(files, config.runtimeRoots);
          return paths.map((path) => fs.path(path));
        },
        isHttp2: true,
      }),
      labels,
    }),
  ];
  const lookup = new ContainerLookup({
    files,
    clock,
    labels,
    overrides: config.runtimeRoots,
    engines: new Map(engines.map((engine) => [engine.runtime, engine])),
  });
  return {
    identities: new Identities({
      clock,
      lookup,
      firstPid: (cgroup) => readFirstPid(fs, hierarchies, cgroup),
    }),
    imageStores: new ImageStores({
      files,
      clock,
      overrides: config.runtimeRoots,
      docker: dockerEngine,
    }),
    engineWatchers: engines.map((engine) =>
      new EngineWatcher({ engine, clock })
    ),
  };

  function socketAt(path: string): EngineSocket {
    return new EngineSocket({ paths: () => [fs.path(path)] });
  }
}
