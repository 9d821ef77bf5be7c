/**
 * Real runtimes: a container is made, killed, renamed, restarted and removed,
 * and every event and answer has its name.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AgentProcess, until, type WireEvent } from "./_agent.ts";
import { CAN_OOM, untilOomsAreNamed } from "./_cgroups.ts";
import {
  CAN_RUN_CONTAINERS,
  cgroupsToRemove,
  filesToRemove,
  has,
  type Ran,
  run,
  RuntimeState,
} from "./_runtimes.ts";

const IMAGE = "cgwatch.test/busybox:1";
const LIMIT_BYTES = 32 * 2 ** 20;

/** It writes 1 MiB, has a process killed once, lives on, and ends as it is told. */
const KILLED_ONCE = "dd if=/dev/zero of=/file bs=65536 count=16; " +
  "sleep 0.3; tail /dev/zero; sleep 60";

/** Says why a test that could not be left out beforehand does nothing. */
function skip(what: string, reason: string): void {
  // deno-lint-ignore no-console -- the one line that says so
  console.log(`skipped: ${what} does not start here: ${reason.slice(-300)}`);
}

/** An agent, and what it tells. */
class Told implements AsyncDisposable {
  readonly events: WireEvent[] = [];
  readonly #ending = new AbortController();

  private constructor(readonly agent: AgentProcess) {}

  static async start(args: string[]): Promise<Told> {
    const told = new Told(
      await AgentProcess.start([
        "--event-log=none",
        "--whitelisted-container-labels=team",
        ...args,
      ]),
    );
    await told.agent.follow("", told.events, told.#ending.signal);
    return told;
  }

  /** The first event after `seq` that is as said; fails where none comes. */
  async next(
    type: string,
    holds: (event: WireEvent) => boolean = () => true,
    afterSeq = 0,
  ): Promise<WireEvent> {
    let found: WireEvent;
    await until(() => {
      found = this.events.find((event) =>
        event.event_type === type && event.seq > afterSeq && holds(event)
      );
      return found !== undefined;
    }, { timeoutMs: 10_000 });
    assert(
      found !== undefined,
      `No ${type}; the last were ${
        this.events.slice(-5).map((event) => JSON.stringify(event)).join("\n")
      }`,
    );
    return found;
  }

  /** How a container ended: told with its end where the engine was faster, else after it. */
  async exitCode(id: string, afterSeq = 0): Promise<number> {
    const ended = await this.next("containerDeletion", byId(id), afterSeq);
    const code = ended.event_data.container_deletion.exit_code;
    if (code !== -1) return code;
    const { event_data } = await this.next(
      "containerUpdate",
      byId(id),
      ended.seq,
    );
    return event_data.container_update.exit_code;
  }

  async source(name: string): Promise<{ state: string; detail: string }> {
    const { sources } = await this.agent.json("/readyz");
    return sources.find((source: { name: string }) => source.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.agent.stop();
  }
}

const byId = (id: string) => (event: WireEvent) => event.container?.id === id;
const byName = (name: string) => (event: WireEvent) =>
  event.container?.name === name;

Deno.test({
  name:
    "A container of Docker is named when it is made, killed, renamed, restarted, restarting, healthy and removed",
  ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has("dockerd") || !has("docker"),
  async fn() {
    await using state = new RuntimeState();
    state.atEnd(cgroupsToRemove(["/docker"]));
    state.atEnd(filesToRemove(["/etc/docker/key.json"]));
    const socket = `${state.path}/docker.sock`;
    const docker = (...args: string[]): Promise<Ran> =>
      run(["docker", ...args], {
        env: {
          DOCKER_HOST: `unix://${socket}`,
          DOCKER_CONFIG: `${state.path}/cli`,
        },
      });
    Deno.writeTextFileSync(`${state.path}/daemon.json`, "{}");
    state.daemon([
      "dockerd",
      `--data-root=${state.path}/data`,
      `--exec-root=${state.path}/exec`,
      `--pidfile=${state.path}/pid`,
      `--config-file=${state.path}/daemon.json`,
      `--host=unix://${socket}`,
      "--group=root",
      "--exec-opt=native.cgroupdriver=cgroupfs",
      "--oom-score-adjust=0",
      "--default-ulimit=nofile=1024:1024",
      ...["bridge=none", "iptables=false", "ip6tables=false"].map((option) =>
        `--${option}`
      ),
      ...["ip-forward=false", "ip-masq=false"].map((option) => `--${option}`),
    ]);
    const isUp = async () => (await docker("version")).ok;
    if (!await until(isUp, { timeoutMs: 20_000, everyMs: 100 })) {
      return skip("docker", state.log);
    }
    state.atEnd(async () => {
      const { out } = await docker("ps", "-aq");
      if (out !== "") await docker("rm", "-f", ...out.split("\n"));
    });
    const { ok, err } = await docker("import", await state.archive(), IMAGE);
    if (!ok) return skip("docker", err);
    await untilOomsAreNamed();
    await using told = await Told.start([
      `--docker=unix://${socket}`,
      `--docker-root=${state.path}/data`,
    ]);
    assert(
      await until(async () => (await told.source("docker")).state === "ok"),
    );
    const start = async (name: string, ...args: string[]) => {
      const made = await docker(
        ...["run", "-d", "--network=none", `--name=${name}`, ...args],
      );
      assert(made.ok, made.err);
      return made.out;
    };

    const id = await start(
      "web",
      ...["--memory=32m", "--memory-swap=32m", "--label=team=shop"],
      ...["--label=secret=s3cret", "--env=TOKEN=s3cret", IMAGE],
      ...["sh", "-c", KILLED_ONCE],
    );
    const created = await told.next("containerCreation", byId(id));
    assertEquals(created.container, {
      namespace: "docker",
      id,
      name: "web",
      image: IMAGE,
      aliases: ["web", id],
    });
    for (const type of ["oom", "oomKill"]) {
      const { container, event_data } = await told.next(type, byId(id));
      assertEquals(container, created.container);
      assertEquals(event_data.oom.victim_cgroup, created.container_name);
    }
    const spec = await told.agent.json("/api/v2.1/spec/web?type=docker");
    const { labels, image, aliases } = spec[created.container_name];
    assertEquals([labels, image, aliases], [
      { team: "shop" },
      IMAGE,
      ["web", id],
    ]);

    const diskOf = async () => {
      const { stats } = await told.agent.json(
        `/api/v1.3/containers${created.container_name}`,
      );
      return stats.at(-1)?.filesystem?.[0];
    };
    assert(
      await until(async () => await diskOf() !== undefined, {
        timeoutMs: 15_000,
        everyMs: 200,
      }),
    );
    const disk = await diskOf();
    assert(disk.base_usage >= 2 ** 20 && disk.base_usage < 2 ** 21);
    assert(disk.usage > disk.base_usage && disk.inodes > 0);

    await docker("rename", "web", "shop");
    const renamed = await told.next("containerUpdate", byName("shop"));
    assertEquals(renamed.event_data.container_update.changed, ["name"]);
    const found = await told.agent.json("/api/v2.1/spec/shop?type=docker");
    assertEquals(Object.keys(found), [created.container_name]);

    await docker("restart", "-t", "0", "shop");
    const ended = await told.next("containerDeletion", byId(id));
    assertEquals(ended.container.name, "shop");
    const again = await told.next(
      "containerCreation",
      byName("shop"),
      ended.seq,
    );
    assertEquals(again.container.id, id);
    assertEquals(await told.exitCode(id, renamed.seq), 137);

    await docker("rm", "-f", "shop");
    const removed = await told.next(
      "containerDeletion",
      byName("shop"),
      again.seq,
    );
    assertEquals(removed.container.id, id);

    await start(
      "crasher",
      "--restart=on-failure:2",
      IMAGE,
      "sh",
      "-c",
      "exit 3",
    );
    const restarted = await told.next(
      "containerUpdate",
      (event) =>
        event.container?.name === "crasher" &&
        event.event_data.container_update.restart_count === 2,
    );
    assertEquals(
      restarted.event_data.container_update.changed,
      ["restart_count"],
    );

    await start(
      "checked",
      ...["--health-cmd=true", "--health-interval=1s", IMAGE, "sleep", "60"],
    );
    await told.next(
      "containerUpdate",
      (event) =>
        event.container?.name === "checked" &&
        event.event_data.container_update.health === "healthy",
    );

    await docker(
      "run",
      "--rm",
      "--network=none",
      "--name=short",
      IMAGE,
      "true",
    );
    await told.next("containerCreation", byName("short"));
    await told.next("containerDeletion", byName("short"));
    assert(!JSON.stringify(told.events).includes("s3cret"));
  },
});

Deno.test({
  name:
    "A container of Podman is named when it is made, killed, renamed and removed, with its service and without",
  ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has("podman") || !has("runc"),
  async fn() {
    await using state = new RuntimeState();
    state.atEnd(cgroupsToRemove(["/libpod_parent"]));
    const { path } = state;
    const socket = `${path}/podman.sock`;
    Deno.writeTextFileSync(
      `${path}/containers.conf`,
      `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\ntmp_dir = "${path}/tmp"\n` +
        '[containers]\nlog_driver = "k8s-file"\nnetns = "none"\n' +
        'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
    );
    Deno.writeTextFileSync(
      `${path}/storage.conf`,
      `[storage]\ndriver = "overlay"\ngraphroot = "${path}/root"\nrunroot = "${path}/run"\n`,
    );
    const env = {
      CONTAINERS_CONF: `${path}/containers.conf`,
      CONTAINERS_STORAGE_CONF: `${path}/storage.conf`,
    };
    const command = [
      "podman",
      "--cgroup-manager=cgroupfs",
      ...[`--root=${path}/root`, `--runroot=${path}/run`],
      ...[`--tmpdir=${path}/tmp`, "--runtime=runc"],
    ];
    // Its directory is ours: conmon leaves a file where it was called.
    const podman = (...args: string[]): Promise<Ran> =>
      run([...command, ...args], { env, cwd: path });
    const imported = await podman("import", await state.archive(), IMAGE);
    if (!imported.ok) return skip("podman", imported.err);
    state.atEnd(() => podman("rm", "-fa", "-t", "0"));
    await untilOomsAreNamed();
    await using told = await Told.start([
      `--podman=unix://${socket}`,
      `--containers-storage=${path}/root`,
    ]);
    const start = async (name: string) => {
      const made = await podman(
        ...["run", "-d", "--network=none", `--name=${name}`, "--memory=32m"],
        ...["--label=team=shop", "--env=TOKEN=s3cret", IMAGE],
        ...["sh", "-c", KILLED_ONCE],
      );
      return made.ok ? made.out : skip("podman", made.err);
    };

    const id = await start("web");
    if (id === undefined) return;
    const created = await told.next("containerCreation", byId(id));
    assertEquals(created.container.namespace, "podman");
    const named = await told.next("containerUpdate", byId(id));
    assertEquals(named.container, {
      namespace: "podman",
      id,
      name: "web",
      image: IMAGE,
      aliases: ["web", id],
    });
    for (const type of ["oom", "oomKill"]) {
      assertEquals(
        (await told.next(type, byId(id))).container,
        named.container,
      );
    }
    const spec = await told.agent.json("/api/v2.1/spec/web?type=podman");
    assertEquals(spec[created.container_name].image, IMAGE);
    await podman("rm", "-f", "-t", "0", "web");
    const removed = await told.next("containerDeletion", byId(id));
    assertEquals(removed.container, named.container);

    state.daemon([
      ...command,
      ...["system", "service", "-t", "0", `unix://${socket}`],
    ], env);
    const follows = async () => (await told.source("podman")).state === "ok";
    if (!await until(follows, { timeoutMs: 15_000 })) {
      return skip("podman's service", state.log);
    }
    const other = await start("job");
    assert(other !== undefined);
    const { container_name } = await told.next(
      "containerCreation",
      byId(other),
    );
    const specOf = async () => {
      const specs = await told.agent.json(`/api/v2.1/spec${container_name}`);
      return specs[container_name];
    };
    assert(await until(async () => (await specOf()).labels?.team === "shop"));
    assertEquals((await specOf()).aliases, ["job", other]);
    await podman("rename", "job", "jobs");
    await told.next("containerUpdate", byName("jobs"));
    await podman("kill", "jobs");
    assertEquals(await told.exitCode(other), 137);
    assert(!JSON.stringify(told.events).includes("s3cret"));
  },
});

Deno.test({
  name: "Containers of containerd are named: ctr's by id, Kubernetes' by pod",
  ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has("containerd") || !has("ctr"),
  async fn() {
    await using state = new RuntimeState();
    state.atEnd(cgroupsToRemove(["/cgwatch-ns", "/kubepods"]));
    state.atEnd(filesToRemove(["/run/containerd"]));
    const { path } = state;
    const socket = `${path}/state/containerd.sock`;
    Deno.writeTextFileSync(
      `${path}/config.toml`,
      `version = 2\nroot = "${path}/root"\nstate = "${path}/state"\n` +
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n' +
        `[grpc]\n  address = "${socket}"\n`,
    );
    const ctr = (namespace: string, ...args: string[]): Promise<Ran> =>
      run(["ctr", `--address=${socket}`, `--namespace=${namespace}`, ...args]);
    state.daemon(["containerd", "-c", `${path}/config.toml`]);
    const isUp = async () => (await ctr("default", "version")).ok;
    if (!await until(isUp, { timeoutMs: 15_000, everyMs: 100 })) {
      return skip("containerd", state.log);
    }
    const rootfs = await state.rootfs();
    const end = async (namespace: string, id: string) => {
      await ctr(namespace, "tasks", "kill", "-s", "KILL", id);
      await until(
        async () => (await ctr(namespace, "tasks", "delete", id)).ok,
        { everyMs: 100 },
      );
      await ctr(namespace, "containers", "delete", id);
    };
    await untilOomsAreNamed();
    await using told = await Told.start([`--containerd=unix://${socket}`]);
    const start = (namespace: string, id: string, ...args: string[]) => {
      state.atEnd(() => end(namespace, id));
      return ctr(
        ...[namespace, "run", "-d", `--memory-limit=${LIMIT_BYTES}`, ...args],
        ...["--rootfs", rootfs, id, "/bin/sh", "-c", KILLED_ONCE],
      );
    };

    const plain = await start("cgwatch-ns", "web");
    if (!plain.ok) return skip("ctr", plain.err);
    const isWeb = byName("web");
    const named = await told.next("containerUpdate", isWeb);
    assertEquals(named.container, {
      namespace: "containerd",
      id: "web",
      name: "web",
      aliases: ["web", "/cgwatch-ns/web"],
    });
    assertEquals(
      (await told.next("oomKill", isWeb)).container,
      named.container,
    );
    await end("cgwatch-ns", "web");
    assertEquals(
      (await told.next("containerDeletion", isWeb)).container,
      named.container,
    );

    const id = "f9".repeat(32);
    const uid = "0f1e2d3c-1111-2222-3333-444455556666";
    const cgroup = `/kubepods/burstable/pod${uid}/${id}`;
    const annotations = Object.entries({
      "container-type": "container",
      "container-name": "app",
      "sandbox-name": "web-0",
      "sandbox-namespace": "shop",
      "sandbox-uid": uid,
      "image-name": IMAGE,
    }).map(([key, value]) => `--annotation=io.kubernetes.cri.${key}=${value}`);
    const pod = await start("k8s.io", id, `--cgroup=${cgroup}`, ...annotations);
    assert(pod.ok, pod.err);
    const updated = await told.next("containerUpdate", byId(id));
    assertEquals(updated.container, {
      namespace: "containerd",
      id,
      name: "app",
      image: IMAGE,
      aliases: [id, cgroup],
      pod: { namespace: "shop", name: "web-0", uid, container: "app" },
    });
    assertEquals(
      (await told.next("oomKill", byId(id))).container,
      updated.container,
    );
    await end("k8s.io", id);
    assertEquals(
      (await told.next("containerDeletion", byId(id))).container,
      updated.container,
    );
  },
});

/** Shows the runtime v1 alone, which crun wants where v2 has hardly a controller; nobody else sees that. */
const V1_VIEW = `
set -e
R=$1; shift
mkdir -p "$R"; mount --bind / "$R"
mount -t proc proc "$R/proc"; mount -t sysfs sysfs "$R/sys"; mount --rbind /dev "$R/dev"
mount -t tmpfs -o mode=755 tmpfs "$R/sys/fs/cgroup"
for d in /sys/fs/cgroup/*; do
  [ -f "$d/tasks" ] || continue
  mkdir "$R$d"; mount --bind "$d" "$R$d"
done
exec chroot "$R" "$@"`;

for (const runtime of ["runc", "crun"]) {
  Deno.test({
    name:
      `A container of ${runtime} alone is named by its id when it is made, killed and removed`,
    ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has(runtime),
    async fn() {
      await using state = new RuntimeState();
      const id = `cgwatch-${runtime}-${Deno.pid}`;
      const cgroup = `/cgwatch-${Deno.pid}/${id}`;
      state.atEnd(cgroupsToRemove([`/cgwatch-${Deno.pid}`]));
      await state.rootfs();
      const config = JSON.parse(
        Deno.readTextFileSync(
          new URL(
            "../testdata/runtimes/crun-1.8-config.json",
            import.meta.url,
          ),
        ),
      );
      config.process.args = ["sh", "-c", KILLED_ONCE];
      config.linux.cgroupsPath = cgroup;
      config.annotations = { team: "shop", secret: "s3cret" };
      Deno.writeTextFileSync(
        `${state.path}/config.json`,
        JSON.stringify(config),
      );
      // Output to a file: the container would keep a pipe open.
      const create = [
        "sh",
        "-c",
        `${runtime} run -d -b "$0" "$1" >"$0/out" 2>&1`,
      ]
        .concat(state.path, id);
      const view = ["unshare", "-m", "--propagation", "private", "sh", "-c"]
        .concat(V1_VIEW, "sh", `${state.path}/view`);
      state.atEnd(() => run([runtime, "delete", "-f", id]));
      await untilOomsAreNamed();
      await using told = await Told.start([]);
      const made = (await run(create)).ok ||
        (await run([...view, ...create])).ok;
      if (!made) {
        return skip(runtime, Deno.readTextFileSync(`${state.path}/out`));
      }
      const named = await told.next("containerUpdate", byName(id));
      assertEquals(named.container, {
        namespace: runtime,
        id,
        name: id,
        aliases: [id],
      });
      assertEquals(named.container_name, cgroup);
      assertEquals(
        (await told.next("oomKill", byName(id))).container,
        named.container,
      );
      const { spec } = await told.agent.json(
        `/api/v1.3/containers${cgroup}`,
      );
      assertEquals(spec.labels, { team: "shop" });
      await run([runtime, "delete", "-f", id]);
      assertEquals(
        (await told.next("containerDeletion", byName(id))).container,
        named.container,
      );
      assert(!JSON.stringify(told.events).includes("s3cret"));
    },
  });
}
