/**
 * A separate dockerd for a test.
 *
 * @module
 */
import { until } from "./_agent.ts";
import {
  cgroupsToRemove,
  filesToRemove,
  type Ran,
  run,
  type RuntimeState,
} from "./_runtimes.ts";
import { skip } from "./_event_recorder.ts";

/** Flags with which dockerd does not change the machine's network and limits. */
export const DOCKERD: readonly string[] = [
  "dockerd",
  "--exec-opt=native.cgroupdriver=cgroupfs",
  "--oom-score-adjust=0",
  "--default-ulimit=nofile=1024:1024",
  ...["bridge=none", "iptables=false", "ip6tables=false"].map((option) =>
    `--${option}`
  ),
  ...["ip-forward=false", "ip-masq=false"].map((option) => `--${option}`),
];

/** A dockerd and its client. */
export interface Docker {
  readonly socket: string;
  /** Flags with which an agent finds it. */
  readonly flags: readonly string[];
  run(...args: string[]): Promise<Ran>;
}

/**
 * Starts dockerd, whose containers end with the state. Returns `undefined` if
 * it does not start.
 */
export async function startDocker(
  state: RuntimeState,
): Promise<Docker | undefined> {
  const { path } = state;
  state.atEnd(cgroupsToRemove(["/docker"]));
  state.atEnd(filesToRemove(["/etc/docker/key.json"]));
  const socket = `${path}/docker.sock`;
  const env = {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: `${path}/cli`,
  };
  const docker = (...args: string[]) => run(["docker", ...args], { env });
  await Deno.writeTextFile(`${path}/daemon.json`, "{}");
  state.daemon([
    ...DOCKERD,
    `--data-root=${path}/data`,
    `--exec-root=${path}/exec`,
    `--pidfile=${path}/pid`,
    `--config-file=${path}/daemon.json`,
    `--host=unix://${socket}`,
    "--group=root",
  ]);
  const isUp = async () => (await docker("version")).ok;
  if (!await until(isUp, { everyMs: 100 })) {
    skip("docker", state.log);
    return undefined;
  }
  state.atEnd(async () => {
    const { out } = await docker("ps", "-aq");
    if (out !== "") await docker("rm", "-f", ...out.split("\n"));
  });
  return {
    socket,
    flags: [`--docker=unix://${socket}`, `--docker-root=${path}/data`],
    run: docker,
  };
}
