/**
 * Real runtimes: a container is created, killed, renamed, restarted and
 * removed. At each step, every event, the API and the metrics contain its name.
 *
 * Exceeds 300 lines: the same steps with the commands of each runtime.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { until } from "./_agent.ts";
import { CAN_OOM, untilOomsAreNamed } from "./_cgroups.ts";
import { DOCKERD, startDocker } from "./_docker.ts";
import {
  CAN_RUN_CONTAINERS,
  cgroupsToRemove,
  exists,
  filesToRemove,
  has,
  type Ran,
  run,
  RuntimeState,
} from "./_runtimes.ts";
import { byId, byName, EventRecorder, skip } from "./_event_recorder.ts";

const IMAGE = "cgwatch.test/busybox:1";
const LIMIT_BYTES = 32 * 2 ** 20;

/** Writes 1 MiB, has one process OOM-killed, continues, and ends on command. */
const KILLED_ONCE = "dd if=/dev/zero of=/file bs=65536 count=16; " +
  "sleep 0.3; tail /dev/zero; sleep 60";

Deno.test({
  name:
    "a Docker container has its name when created, killed, renamed, restarted, healthy and removed",
  ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has("dockerd") || !has("docker"),
  async fn() {
    await using state = new RuntimeState();
    const engine = await startDocker(state);
    if (engine === undefined) return;
    const docker = engine.run;
    const { ok, err } = await docker("import", await state.archive(), IMAGE);
    if (!ok) return skip("docker", err);
    await untilOomsAreNamed();
    await using recorder = await EventRecorder.start([...engine.flags]);
    assert(
      await until(async () => (await recorder.source("docker")).state === "ok"),
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
    const created = await recorder.next("containerCreation", byId(id));
    assertEquals(created.container, {
      namespace: "docker",
      id,
      name: "web",
      image: IMAGE,
      aliases: ["web", id],
    });
    await recorder.isConsistent(created, { team: "shop" });
    for (const type of ["oom", "oomKill"]) {
      const { container, event_data } = await recorder.next(type, byId(id));
      assertEquals(container, created.container);
      assertEquals(event_data.oom.victim_cgroup, created.container_name);
    }
    await recorder.isConsistent(created, { team: "shop", kills: 1 });
    const spec = await recorder.agent.json("/api/v2.1/spec/web?type=docker");
    assertEquals(spec[created.container_name].labels, { team: "shop" });

    const diskOf = async () => {
      const { stats } = await recorder.agent.json(
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
    const renamed = await recorder.next("containerUpdate", byName("shop"));
    assertEquals(renamed.event_data.container_update.changed, ["name"]);
    await recorder.isConsistent(renamed, { team: "shop", kills: 1 });
    const found = await recorder.agent.json("/api/v2.1/spec/shop?type=docker");
    assertEquals(Object.keys(found), [created.container_name]);

    await docker("restart", "-t", "0", "shop");
    const ended = await recorder.next("containerDeletion", byId(id));
    assertEquals(ended.container.name, "shop");
    const again = await recorder.next(
      "containerCreation",
      byName("shop"),
      ended.seq,
    );
    assertEquals(again.container.id, id);
    await recorder.isConsistent(again, { team: "shop" });
    assertEquals(await recorder.exitCode(id, renamed.seq), 137);
    await recorder.next("oomKill", byId(id), again.seq);

    await docker("rm", "-f", "shop");
    const removed = await recorder.next(
      "containerDeletion",
      byName("shop"),
      again.seq,
    );
    assertEquals(removed.container.id, id);
    await recorder.isGone(removed, { kills: 2 });

    await start(
      "crasher",
      "--restart=on-failure:2",
      IMAGE,
      "sh",
      "-c",
      "exit 3",
    );
    const restarted = await recorder.next(
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
    await recorder.next(
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
    await recorder.next("containerCreation", byName("short"));
    await recorder.next("containerDeletion", byName("short"));
    assert(!JSON.stringify(recorder.events).includes("s3cret"));
  },
});

Deno.test({
  name:
    "a Podman container has its name when created, killed, restarted, renamed and removed, with and without service",
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
    // In a temporary directory, because conmon writes a file to its working directory.
    const podman = (...args: string[]): Promise<Ran> =>
      run([...command, ...args], { env, cwd: path });
    const imported = await podman("import", await state.archive(), IMAGE);
    if (!imported.ok) return skip("podman", imported.err);
    state.atEnd(() => podman("rm", "-fa", "-t", "0"));
    await untilOomsAreNamed();
    await using recorder = await EventRecorder.start([
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
    const created = await recorder.next("containerCreation", byId(id));
    assertEquals(created.container.namespace, "podman");
    const named = await recorder.next("containerUpdate", byId(id));
    assertEquals(named.container, {
      namespace: "podman",
      id,
      name: "web",
      image: IMAGE,
      aliases: ["web", id],
    });
    await recorder.isConsistent(named);
    for (const type of ["oom", "oomKill"]) {
      assertEquals(
        (await recorder.next(type, byId(id))).container,
        named.container,
      );
    }
    await recorder.isConsistent(named, { kills: 1 });
    await podman("restart", "-t", "0", "web");
    const ended = await recorder.next("containerDeletion", byId(id));
    assertEquals(ended.container, named.container);
    const again = await recorder.next("containerCreation", byId(id), ended.seq);
    assertEquals(again.container, named.container);
    await recorder.isConsistent(again);
    await recorder.next("oomKill", byId(id), again.seq);
    await podman("rm", "-f", "-t", "0", "web");
    const removed = await recorder.next(
      "containerDeletion",
      byId(id),
      again.seq,
    );
    assertEquals(removed.container, named.container);
    await recorder.isGone(removed, { kills: 2 });

    state.daemon([
      ...command,
      ...["system", "service", "-t", "0", `unix://${socket}`],
    ], env);
    const follows = async () =>
      (await recorder.source("podman")).state === "ok";
    if (!await until(follows)) {
      return skip("podman's service", state.log);
    }
    const other = await start("job");
    assert(other !== undefined);
    const { container_name } = await recorder.next(
      "containerCreation",
      byId(other),
    );
    const specOf = async () => {
      const specs = await recorder.agent.json(
        `/api/v2.1/spec${container_name}`,
      );
      return specs[container_name];
    };
    assert(await until(async () => (await specOf()).labels?.team === "shop"));
    assertEquals((await specOf()).aliases, ["job", other]);
    await podman("rename", "job", "jobs");
    const renamed = await recorder.next("containerUpdate", byName("jobs"));
    await recorder.isConsistent(renamed, { team: "shop" });
    await podman("kill", "jobs");
    assertEquals(await recorder.exitCode(other), 137);
    assert(!JSON.stringify(recorder.events).includes("s3cret"));
  },
});

Deno.test({
  name:
    "a containerd container has its name when created, killed, restarted, renamed and removed, with ctr and Kubernetes",
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
    if (!await until(isUp, { everyMs: 100 })) {
      return skip("containerd", state.log);
    }
    const image = await state.image(IMAGE);
    const end = async (namespace: string, id: string) => {
      await ctr(namespace, "tasks", "kill", "-s", "KILL", id);
      await until(
        async () => (await ctr(namespace, "tasks", "delete", id)).ok,
        { everyMs: 100 },
      );
    };
    const remove = async (namespace: string, id: string) => {
      await end(namespace, id);
      await ctr(namespace, "containers", "delete", id);
    };
    for (const namespace of ["cgwatch-ns", "k8s.io"]) {
      const { ok, err } = await ctr(namespace, "images", "import", image);
      if (!ok) return skip("ctr", err);
    }
    await untilOomsAreNamed();
    await using recorder = await EventRecorder.start([
      `--containerd=unix://${socket}`,
    ]);
    const follows = async () =>
      (await recorder.source("containerd")).state === "ok";
    assert(await until(follows));
    const start = (namespace: string, id: string, ...args: string[]) => {
      state.atEnd(() => remove(namespace, id));
      return ctr(
        ...[namespace, "run", "-d", `--memory-limit=${LIMIT_BYTES}`, ...args],
        ...["--label=team=shop", "--label=secret=s3cret", "--env=A=s3cret"],
        ...[IMAGE, id, "/bin/sh", "-c", KILLED_ONCE],
      );
    };

    const plain = await start("cgwatch-ns", "web");
    if (!plain.ok) return skip("ctr", plain.err);
    const created = await recorder.next("containerCreation", byId("web"));
    assertEquals(created.container, {
      namespace: "containerd",
      id: "web",
      name: "web",
      image: IMAGE,
      aliases: ["web", "/cgwatch-ns/web"],
    });
    await recorder.isConsistent(created, { team: "shop" });
    for (const type of ["oom", "oomKill"]) {
      const { container } = await recorder.next(type, byId("web"));
      assertEquals(container, created.container);
    }
    await recorder.isConsistent(created, { team: "shop", kills: 1 });
    await end("cgwatch-ns", "web");
    const ended = await recorder.next("containerDeletion", byId("web"));
    assertEquals(ended.container, created.container);
    assertEquals(await recorder.exitCode("web"), 137);
    await ctr("cgwatch-ns", "tasks", "start", "-d", "web");
    const again = await recorder.next(
      "containerCreation",
      byId("web"),
      ended.seq,
    );
    assertEquals(again.container, created.container);
    // As nerdctl renames a container.
    await ctr("cgwatch-ns", "containers", "label", "web", "nerdctl/name=shop");
    const renamed = await recorder.next("containerUpdate", byName("shop"));
    assertEquals(renamed.event_data.container_update.changed, ["name"]);
    await recorder.isConsistent(renamed, { team: "shop" });
    await recorder.next("oomKill", byName("shop"), again.seq);
    await remove("cgwatch-ns", "web");
    const removed = await recorder.next("containerDeletion", byName("shop"));
    await recorder.isGone(removed, { kills: 2 });

    const id = "f9".repeat(32);
    const uid = "0f1e2d3c-1111-2222-3333-444455556666";
    const cgroup = `/kubepods/burstable/pod${uid}/${id}`;
    const annotations = Object.entries({
      "container-type": "container",
      "container-name": "app",
      "sandbox-name": "web-0",
      "sandbox-namespace": "shop",
      "sandbox-uid": uid,
    }).map(([key, value]) => `--annotation=io.kubernetes.cri.${key}=${value}`);
    const pod = await start("k8s.io", id, `--cgroup=${cgroup}`, ...annotations);
    assert(pod.ok, pod.err);
    const made = await recorder.next("containerCreation", byId(id));
    assertEquals(made.container, {
      namespace: "containerd",
      id,
      name: "app",
      image: IMAGE,
      aliases: [id, cgroup],
      pod: { namespace: "shop", name: "web-0", uid, container: "app" },
    });
    await recorder.isConsistent(made, { team: "shop" });
    assertEquals(
      (await recorder.next("oomKill", byId(id))).container,
      made.container,
    );
    await remove("k8s.io", id);
    const gone = await recorder.next("containerDeletion", byId(id));
    assertEquals(gone.container, made.container);
    assertEquals(await recorder.exitCode(id), 137);
    await recorder.isGone(gone, { kills: 1 });

    const short = await ctr(
      ...["cgwatch-ns", "run", "--rm", IMAGE, "short", "/bin/sh", "-c"],
      "exit 3",
    );
    assert(!short.ok);
    for (const type of ["containerCreation", "containerDeletion"]) {
      const { container } = await recorder.next(type, byName("short"));
      assertEquals([container.namespace, container.image], [
        "containerd",
        IMAGE,
      ]);
    }
    assertEquals(await recorder.exitCode("short"), 3);
    assert(!JSON.stringify(recorder.events).includes("s3cret"));
  },
});

/**
 * Hides v2 from the runtime, in its own mount namespace: crun requires v1 if v2
 * has few controllers.
 */
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
      `a container of ${runtime} without engine has its ID when created, killed and removed`,
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
      // Output to a file, because the container would keep a pipe open.
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
      await using recorder = await EventRecorder.start([]);
      const made = (await run(create)).ok ||
        (await run([...view, ...create])).ok;
      if (!made) {
        return skip(runtime, Deno.readTextFileSync(`${state.path}/out`));
      }
      const named = await recorder.next("containerUpdate", byName(id));
      assertEquals(named.container, {
        namespace: runtime,
        id,
        name: id,
        aliases: [id],
      });
      assertEquals(named.container_name, cgroup);
      assertEquals(
        (await recorder.next("oomKill", byName(id))).container,
        named.container,
      );
      const { spec } = await recorder.agent.json(
        `/api/v1.3/containers${cgroup}`,
      );
      assertEquals(spec.labels, { team: "shop" });
      await run([runtime, "delete", "-f", id]);
      assertEquals(
        (await recorder.next("containerDeletion", byName(id))).container,
        named.container,
      );
      assert(!JSON.stringify(recorder.events).includes("s3cret"));
    },
  });
}

/** Docker in Docker; inner containers have cgroups below the outer container. */
const DOCKER_IN_DOCKER = `
mount -t tmpfs tmpfs /run
grep ' /sys/fs/cgroup' /proc/mounts | while read -r _ path _; do mount -o remount,rw,bind "$path"; done
"$@" >/var/lib/docker/log 2>&1 &
for i in $(seq 150); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
docker import /rootfs.tar ${IMAGE} || exit
docker run -d --network=none --name=inner --memory=32m --memory-swap=32m ${IMAGE} sh -c '${KILLED_ONCE}' || exit
while ! [ -e /var/lib/docker/end ]; do sleep 0.1; done
docker rm -f inner
while [ -e /var/lib/docker/end ]; do sleep 0.1; done
kill $!; wait`;

Deno.test({
  name:
    "a Docker container inside a Docker container has its name, and the outer one as parent",
  ignore: !CAN_RUN_CONTAINERS || !CAN_OOM || !has("dockerd") || !has("docker"),
  async fn() {
    await using state = new RuntimeState();
    const engine = await startDocker(state);
    if (engine === undefined) return;
    const { path } = state;
    const inner = `${path}/inner`;
    const archive = await state.archive();
    // The host's programs are used.
    for (const name of ["usr", "run", "root", "var/lib/docker"]) {
      Deno.mkdirSync(`${path}/outer/${name}`, { recursive: true });
    }
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      Deno.symlinkSync(`usr/${name}`, `${path}/outer/${name}`);
    }
    Deno.mkdirSync(inner);
    await run(["tar", "-C", `${path}/outer`, "-cf", `${path}/outer.tar`, "."]);
    await engine.run("import", `${path}/outer.tar`, "cgwatch.test/outer:1");
    await untilOomsAreNamed();
    await using recorder = await EventRecorder.start([...engine.flags]);
    const follows = async () =>
      (await recorder.source("docker")).state === "ok";
    assert(await until(follows));
    const outer = await engine.run(
      ...["run", "-d", "--network=none", "--name=outer"],
      // --privileged fails if root does not have all capabilities.
      ...["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN", "--cap-add=SYS_PTRACE"],
      ...["seccomp", "apparmor", "systempaths"].map((option) =>
        `--security-opt=${option}=unconfined`
      ),
      ...["/usr:/usr:ro", `${archive}:/rootfs.tar:ro`].map((volume) =>
        `--volume=${volume}`
      ),
      `--volume=${inner}:/var/lib/docker`,
      ...["cgwatch.test/outer:1", "/bin/bash", "-c", DOCKER_IN_DOCKER, "sh"],
      ...DOCKERD,
    );
    if (!outer.ok) return skip("docker in docker", outer.err);
    const around = await recorder.next("containerCreation", byId(outer.out));
    assertEquals(around.container.name, "outer");
    const below = `${around.container_name}/docker/`;
    const isInner = (event: { container_name: string }) =>
      event.container_name.startsWith(below);
    const starts = () => recorder.events.some(isInner);
    if (!await until(starts)) {
      const { out, err } = await engine.run("logs", "outer");
      return skip("docker in docker", out + err);
    }
    const created = await recorder.next("containerCreation", isInner);
    const id = created.container_name.slice(below.length);
    const named = await recorder.next("containerUpdate", byName("inner"));
    assertEquals(named.container, {
      namespace: "docker",
      id,
      name: "inner",
      image: IMAGE,
      aliases: ["inner", id],
      parent: around.container,
    });
    assertEquals(named.container_name, below + id);
    await recorder.isConsistent(named);
    const killed = await recorder.next("oomKill", byId(id));
    assertEquals(killed.container, named.container);
    await recorder.isConsistent(killed, { kills: 1 });
    await recorder.isConsistent(around);
    Deno.writeTextFileSync(`${inner}/end`, "");
    const removed = await recorder.next("containerDeletion", byId(id));
    assertEquals(removed.container, named.container);
    Deno.removeSync(`${inner}/end`);
    const ended = await recorder.next("containerDeletion", byId(outer.out));
    assertEquals(ended.container, around.container);
    await recorder.isGone(ended);
  },
});

const USER = "cgwatch-test";
const UNIFIED = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) =>
  exists(`${path}/cgroup.controllers`)
);

/** Enters the user's cgroup, hides v1, and switches to the user, in its own mount namespace. */
const AS_USER = `
set -e
echo $$ > "$1/cgroup.procs"; shift
exec unshare -m --propagation private sh -c '
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec setpriv --reuid="$0" --regid="$0" --clear-groups "$@"' "$@"`;

Deno.test({
  name:
    "a container of a user's rootless Podman has its name when created and removed",
  ignore: !CAN_RUN_CONTAINERS || UNIFIED === undefined || !has("podman") ||
    !has("runc") || !has("newuidmap") || !has("setpriv"),
  async fn() {
    await using state = new RuntimeState();
    const { path } = state;
    Deno.chmodSync(path, 0o755);
    const home = `${path}/home`;
    state.atEnd(() => run(["userdel", USER]));
    const added = await run(["useradd", "-m", "-d", home, USER]);
    if (!added.ok) return skip("a user's podman", added.err);
    const uid = Number((await run(["id", "-u", USER])).out);
    // As systemd creates them at login.
    const slice = `/user.slice/user-${uid}.slice`;
    state.atEnd(cgroupsToRemove(["/user.slice", slice]));
    const service = `${UNIFIED}${slice}/user@${uid}.service`;
    const runtimeDirectory = `/run/user/${uid}`;
    state.atEnd(filesToRemove(["/run/user", runtimeDirectory]));
    for (
      const directory of [
        ...[`${service}/init.scope`, runtimeDirectory],
        `${home}/.config/containers`,
      ]
    ) Deno.mkdirSync(directory, { recursive: true });
    await run([
      ...["chown", "-R", `${uid}:${uid}`],
      ...[service, runtimeDirectory],
    ]);
    Deno.writeTextFileSync(
      `${home}/.config/containers/containers.conf`,
      '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n' +
        '[containers]\nlog_driver = "k8s-file"\nnetns = "none"\n' +
        'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
    );
    Deno.writeTextFileSync(
      `${home}/.config/containers/storage.conf`,
      '[storage]\ndriver = "vfs"\n',
    );
    await run(["chown", "-R", `${uid}:${uid}`, home]);
    const podman = (...args: string[]): Promise<Ran> =>
      run([
        ...["sh", "-c", AS_USER, "sh", `${service}/init.scope`, String(uid)],
        ...["env", `HOME=${home}`, `XDG_RUNTIME_DIR=${runtimeDirectory}`],
        ...["podman", ...args],
      ], { cwd: home });
    state.atEnd(async () => {
      await podman("rm", "-fa", "-t", "0");
      const pids = (await run(["ps", "-o", "pid=", "-u", String(uid)])).out;
      for (const pid of pids.split("\n").filter((pid) => pid !== "")) {
        await run(["kill", "-KILL", pid.trim()]);
      }
    });
    const imported = await podman("import", await state.archive(), IMAGE);
    if (!imported.ok) return skip("a user's podman", imported.err);
    await using recorder = await EventRecorder.start([]);
    const made = await podman(
      ...["run", "-d", "--network=none", "--name=web", "--label=team=shop"],
      ...[IMAGE, "sleep", "60"],
    );
    if (!made.ok) return skip("a user's podman", made.err);
    const id = made.out;
    const named = await recorder.next("containerUpdate", byId(id));
    assertEquals(named.container, {
      namespace: "podman",
      id,
      name: "web",
      image: IMAGE,
      aliases: ["web", id],
    });
    assert(named.container_name.startsWith(slice), named.container_name);
    await recorder.isConsistent(named);
    await podman("kill", "web");
    const ended = await recorder.next("containerDeletion", byId(id));
    assertEquals(ended.container, named.container);
    await recorder.isGone(ended);
  },
});
