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
import { IdentityStore } from "./runtimes/identity_store.ts";
import { ImageStores } from "./runtimes/image_stores.ts";
import { LabelFilter } from "./runtimes/label_filter.ts";
import { RuntimeFiles } from "./runtimes/runtime_files.ts";
import {
  MAX_CONTAINERD_SOCKETS,
  readContainerdSockets,
} from "./runtimes/runtime_roots.ts";

/** Flags about runtimes. */
export type RuntimesConfig = Pick<
  Config,
  "containerLabels" | "engineSockets" | "runtimeRoots" | "storeContainerLabels"
>;

/** Sources of names and metadata. */
export interface Runtimes {
  readonly identities: IdentityStore;
  readonly engineWatchers: readonly EngineWatcher[];
  /** File systems of images. */
  readonly imageStores: ImageStores;
}

const PATHS_AGE_MS = 60_000;

/** Creates the sources of names for this host. */
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
  let paths: Promise<readonly string[]> = Promise.resolve([]);
  let pathsMs = -Infinity;
  const { docker, podman } = config.engineSockets;
  const dockerEngine = new DockerEngine({
    runtime: "docker",
    socket: socketAt(docker),
    labels,
  });
  const engines: readonly Engine[] = [
    dockerEngine,
    new DockerEngine({ runtime: "podman", socket: socketAt(podman), labels }),
    ...Array.from(
      { length: MAX_CONTAINERD_SOCKETS },
      (_, at) => new ContainerdEngine({ socket: containerdSocket(at), labels }),
    ),
  ];
  const lookup = new ContainerLookup({
    files,
    clock,
    labels,
    overrides: config.runtimeRoots,
    engines,
  });
  return {
    identities: new IdentityStore({
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

  /** Returns the socket at an index of {@linkcode containerdPaths}, if it exists. */
  function containerdSocket(at: number): EngineSocket {
    return new EngineSocket({
      paths: async () => {
        const paths = await containerdPaths();
        return paths.slice(at, at + 1).map((path) => fs.path(path));
      },
      isHttp2: true,
    });
  }

  /** Configured sockets, re-read at most once per minute. */
  function containerdPaths(): Promise<readonly string[]> {
    const nowMs = clock.monotonic();
    if (nowMs - pathsMs >= PATHS_AGE_MS) {
      paths = readContainerdSockets(files, config.runtimeRoots);
      pathsMs = nowMs;
    }
    return paths;
  }

  function socketAt(path: string): EngineSocket {
    return new EngineSocket({ paths: () => [fs.path(path)] });
  }
}
