import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Clock, systemClock } from "../../lib/model/clock.ts";
import type { ContainerMetadata } from "../../lib/model/container_metadata.ts";
import {
  type ContainerOrigin,
  parseCgroupOrigin,
} from "../../lib/runtimes/cgroup_origin.ts";
import { ContainerLookup } from "../../lib/runtimes/container_lookup.ts";
import type { Engine, EngineName } from "../../lib/runtimes/engine.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";
import { RuntimeFiles } from "../../lib/runtimes/runtime_files.ts";
import {
  MAX_CONTAINERD_SOCKETS,
  readContainerdSockets,
  type RootOverrides,
} from "../../lib/runtimes/runtime_roots.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const TESTDATA = new URL("../testdata/runtimes/", import.meta.url);

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const CRIO_SANDBOX =
  "7d2a1c0b9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b";
const CONTAINERD_SANDBOX =
  "5e4f3a2b7d2a1c0b9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d";
const DOCKER =
  "76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e";
const PODMAN =
  "4f7c326d170db0254a19d36bfde06efa0d08906561380a21ec85edfb77bc70b3";
const UID = "0f1e2d3c-1111-2222-3333-444455556666";
const POD_SLICE =
  `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${
    UID.replaceAll("-", "_")
  }.slice`;
const POD = `/kubepods/burstable/pod${UID}`;
const TASK = "run/containerd/io.containerd.runtime.v2.task";

function read(file: string): string {
  return Deno.readTextFileSync(new URL(file, TESTDATA));
}

/** A host with files of runtimes and a lookup of its containers. */
class Host implements Disposable {
  readonly root = TestCgroup.create();
  readonly #lookup: ContainerLookup;

  constructor(
    overrides: RootOverrides = {},
    engines: readonly Engine[] = [],
    clock: Clock = systemClock,
  ) {
    this.#lookup = new ContainerLookup({
      files: new RuntimeFiles(this.root.hostFs()),
      clock,
      labels: new LabelFilter({
        allowed: ["io.kubernetes.*", "com.example.app", "org.example.lab"],
      }),
      overrides,
      engines,
    });
  }

  file(path: string, text: string): this {
    this.root.file(path, text);
    return this;
  }

  find(
    cgroup: string,
    outerPid?: number,
  ): Promise<ContainerMetadata | undefined> {
    const origin = parseCgroupOrigin(cgroup);
    assert(origin?.kind === "container", cgroup);
    return this.#lookup.find(origin, {
      cgroup,
      ...(outerPid !== undefined && { outerPid }),
    });
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]();
  }
}

function dockerFiles(host: Host, root: string): void {
  const directory = `${root}/containers/${DOCKER}`;
  host.file(`${directory}/config.v2.json`, read("docker-20.10-config.v2.json"));
  host.file(
    `${directory}/hostconfig.json`,
    read("docker-20.10-hostconfig.json"),
  );
}

Deno.test("ContainerLookup finds Docker containers of both drivers in recorded files", async () => {
  using host = new Host();
  dockerFiles(host, "var/lib/docker");
  for (
    const name of [`/docker/${DOCKER}`, `/system.slice/docker-${DOCKER}.scope`]
  ) {
    const metadata = await host.find(name);
    assertEquals(
      [
        metadata?.runtime,
        metadata?.name,
        metadata?.image,
        metadata?.pid,
        metadata?.labels,
      ],
      ["docker", "web", "lab.local/imp:1", 2255, { "com.example.app": "lab" }],
    );
  }
  assertEquals(await host.find(`/docker/${ID}`), undefined);
});

Deno.test("ContainerLookup prefers the flag over daemon.json for Docker's data directory", async () => {
  using host = new Host();
  dockerFiles(host, "data/docker");
  assertEquals(await host.find(`/docker/${DOCKER}`), undefined);
  using told = new Host();
  dockerFiles(told, "data/docker");
  told.file("etc/docker/daemon.json", '{"data-root":"/data/docker"}');
  assertEquals((await told.find(`/docker/${DOCKER}`))?.name, "web");
  using flagged = new Host({ dockerRoot: "/data/docker" });
  dockerFiles(flagged, "data/docker");
  flagged.file("etc/docker/daemon.json", '{"data-root":"/elsewhere"}');
  assertEquals((await flagged.find(`/docker/${DOCKER}`))?.name, "web");
});

Deno.test("ContainerLookup finds podman containers of root and of a user", async () => {
  using host = new Host();
  const stored = "overlay-containers";
  const roots = [
    ["var/lib/containers/storage", "run/containers/storage"],
    ["home/ann/.local/share/containers/storage", "run/user/1001/containers"],
  ];
  host.file("etc/passwd", "ann:x:1001:1001::/home/ann:/bin/sh\n");
  for (const [storage, run] of roots) {
    const userdata = `${storage}/${stored}/${PODMAN}/userdata`;
    host.file(
      `${storage}/${stored}/containers.json`,
      read("podman-4.3-containers.json"),
    );
    host.file(`${userdata}/config.json`, read("podman-4.3-config.json"));
    host.file(`${run}/${stored}/${PODMAN}/userdata/pidfile`, "1397\n");
  }
  const user = "/user.slice/user-1001.slice/user@1001.service/user.slice";
  for (
    const [name, storage] of [
      [`/machine.slice/libpod-${PODMAN}.scope`, "/var/lib/containers/storage"],
      [`/libpod_parent/libpod-${PODMAN}`, "/var/lib/containers/storage"],
      [`${user}/libpod-${PODMAN}.scope`, `/${roots[1]?.[0]}`],
    ]
  ) {
    assertEquals(await host.find(name ?? ""), {
      runtime: "podman",
      id: PODMAN,
      name: "web",
      image: "lab.local/imp:1",
      createdMs: Date.UTC(2026, 10, 23, 6, 46, 28, 735),
      network: { kind: "own" },
      pid: 1397,
      logPath: `${storage}/${stored}/${PODMAN}/userdata/ctr.log`,
    });
  }
});

Deno.test("ContainerLookup reads the exit code of a podman container without PID", async () => {
  using host = new Host();
  host.file(
    "var/lib/containers/storage/overlay-containers/containers.json",
    read("podman-4.3-containers.json"),
  );
  host.file(`run/libpod/exits/${PODMAN}`, "137");
  const metadata = await host.find(`/machine.slice/libpod-${PODMAN}.scope`);
  assertEquals(metadata?.exitCode, 137);
});

Deno.test("ContainerLookup finds ctr containers in recorded files, by their own cgroup only", async () => {
  const id = "ce7ccab3fb834a4f27c5ef701df9fd9c80cbf292bc595edc9c29db53c3a59fc7";
  using host = new Host();
  host.file(
    `${TASK}/labns/${id}/config.json`,
    read("containerd-1.6-config.json"),
  );
  host.file(`${TASK}/labns/${id}/init.pid`, "321");
  assertEquals(await host.find(`/labns/${id}`), {
    runtime: "containerd",
    id,
    name: id,
    network: { kind: "own" },
    pid: 321,
  });
  // An ID chosen by a user does not identify the container.
  const config = JSON.stringify({ linux: { cgroupsPath: "/labns/x1" } });
  host.file(`${TASK}/labns/x1/config.json`, config);
  host.file(`${TASK}/labns/x2/config.json`, config);
  assertEquals((await host.find("/labns/x1"))?.name, "x1");
  assertEquals(await host.find("/labns/x2"), undefined);
});

Deno.test("ContainerLookup finds runc and crun containers in recorded files", async () => {
  using host = new Host();
  const runc =
    "32f2fb380d3221b51d408bdc15bc2f0ceade57896ece5765ebbc0d48e891ceec";
  const crun =
    "6c5b229e71cc97cd968932e2576036615592d36807cdaea47476bf409d4de054";
  host.file(`run/runc/${runc}/state.json`, read("runc-1.1-state.json"));
  host.file(`run/crun/${crun}/status`, read("crun-1.8-status.json"));
  host.file("tmp/oci-runc/config.json", read("crun-1.8-config.json"));
  host.file("tmp/oci-crun/config.json", read("crun-1.8-config.json"));
  for (
    const [runtime, id, pid] of [["runc", runc, 31199], [
      "crun",
      crun,
      32318,
    ]] as const
  ) {
    assertEquals(await host.find(`/rt-lab/${id}`), {
      runtime,
      id,
      name: id,
      labels: { "org.example.lab": "yes" },
      network: { kind: "own" },
      pid,
    });
  }
});

for (
  const state of [
    "run/containerd",
    "run/k3s/containerd",
    "var/snap/microk8s/common/run/containerd",
  ]
) {
  Deno.test(`ContainerLookup knows a Kubernetes node's pods of containerd below /${state}`, async () => {
    using host = new Host();
    const tasks = `${state}/io.containerd.runtime.v2.task/k8s.io`;
    host.file(
      `${tasks}/${ID}/config.json`,
      read("composed-containerd-container-config.json"),
    );
    host.file(`${tasks}/${ID}/init.pid`, "4800");
    host.file(
      `${tasks}/${CONTAINERD_SANDBOX}/config.json`,
      read("composed-containerd-sandbox-config.json"),
    );
    host.file(`${tasks}/${CONTAINERD_SANDBOX}/init.pid`, "4711");
    for (
      const [container, sandbox] of [
        [`${POD}/${ID}`, `${POD}/${CONTAINERD_SANDBOX}`],
        [
          `${POD_SLICE}/cri-containerd-${ID}.scope`,
          `${POD_SLICE}/cri-containerd-${CONTAINERD_SANDBOX}.scope`,
        ],
      ] as const
    ) {
      const pod = { namespace: "shop", name: "web-0", uid: UID };
      assertEquals(await host.find(container), {
        runtime: "containerd",
        id: ID,
        name: "web",
        image: "docker.io/library/nginx:1",
        labels: {
          "io.kubernetes.container.name": "web",
          "io.kubernetes.pod.name": "web-0",
          "io.kubernetes.pod.namespace": "shop",
          "io.kubernetes.pod.uid": UID,
        },
        pod: { ...pod, container: "web" },
        network: { kind: "shared", withId: CONTAINERD_SANDBOX },
        pid: 4800,
      });
      const { isSandbox, pod: itsPod, network, image } =
        await host.find(sandbox) ?? {};
      assertEquals([isSandbox, itsPod, network, image], [
        true,
        pod,
        { kind: "own" },
        "registry.k8s.io/pause:3.9",
      ]);
    }
  });
}

Deno.test("ContainerLookup finds CRI-O pods of both drivers", async () => {
  using host = new Host();
  const run = "run/containers/storage/overlay-containers";
  host.file(
    `${run}/${ID}/userdata/config.json`,
    read("composed-crio-container-config.json"),
  );
  host.file(`${run}/${ID}/userdata/pidfile`, "5001");
  host.file(
    `${run}/${CRIO_SANDBOX}/userdata/config.json`,
    read("composed-crio-sandbox-config.json"),
  );
  for (
    const [container, sandbox] of [
      [`${POD}/crio-${ID}`, `${POD}/crio-${CRIO_SANDBOX}`],
      [`${POD_SLICE}/crio-${ID}.scope`, `${POD_SLICE}/crio-${CRIO_SANDBOX}`],
    ] as const
  ) {
    assertEquals(await host.find(container), {
      runtime: "crio",
      id: ID,
      name: `k8s_web_web-0_shop_${UID}_2`,
      image: "quay.io/shop/web:1.2",
      labels: {
        "io.kubernetes.container.name": "web",
        "io.kubernetes.pod.name": "web-0",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": UID,
      },
      pod: { namespace: "shop", name: "web-0", uid: UID, container: "web" },
      createdMs: Date.UTC(2026, 10, 23, 6, 31, 13, 123),
      restartCount: 2,
      network: { kind: "shared", withId: CRIO_SANDBOX },
      logPath: `/var/log/pods/shop_web-0_${UID}/web/2.log`,
      pid: 5001,
    });
    const metadata = await host.find(sandbox);
    assertEquals([metadata?.isSandbox, metadata?.network], [true, {
      kind: "own",
    }]);
  }
});

Deno.test("ContainerLookup finds a nested container in the enclosing container's files", async () => {
  using host = new Host();
  const outer = `/docker/${DOCKER}`;
  host.file(
    `proc/4242/root/${TASK}/k8s.io/${ID}/config.json`,
    read("composed-containerd-container-config.json"),
  );
  // The host's containerd has another container with the same ID.
  host.file(
    `${TASK}/k8s.io/${ID}/config.json`,
    read("containerd-1.6-k8s-config.json"),
  );
  const name = `${outer}/kubelet/kubepods/burstable/pod${UID}/${ID}`;
  assertEquals((await host.find(name, 4242))?.pod?.name, "web-0");
  assertEquals(await host.find(name), undefined);
});

Deno.test("ContainerLookup skips an incomplete file and throws for one that is too large", async () => {
  using host = new Host();
  const config = `var/lib/docker/containers/${DOCKER}/config.v2.json`;
  host.file(config, '{"ID":"76b4');
  assertEquals(await host.find(`/docker/${DOCKER}`), undefined);
  host.file(config, " ".repeat(9 * 2 ** 20));
  await assertRejects(
    () => host.find(`/docker/${DOCKER}`),
    RangeError,
    "expected at most",
  );
});

Deno.test("ContainerLookup stores no environment variables and only allowed labels", async () => {
  using host = new Host();
  const tasks = `${TASK}/k8s.io`;
  host.file(
    `${tasks}/${ID}/config.json`,
    read("composed-containerd-container-config.json"),
  );
  host.file(
    `run/containers/storage/overlay-containers/${ID}/userdata/config.json`,
    read("composed-crio-container-config.json"),
  );
  for (const name of [`${POD}/${ID}`, `${POD}/crio-${ID}`]) {
    const text = JSON.stringify(await host.find(name));
    assert(text.includes("web-0"));
    assertEquals(/secret|TOKEN|team|hash/.exec(text), null);
  }
});

/** An engine with one response, which supports no other request. */
class FakeEngine implements Engine {
  readonly socketPath = "";
  readonly queries: ContainerOrigin[] = [];

  constructor(
    readonly runtime: EngineName,
    readonly response: () => ContainerMetadata | undefined,
  ) {}

  exists(): Promise<boolean> {
    return Promise.resolve(true);
  }

  inspect(origin: ContainerOrigin): Promise<ContainerMetadata | undefined> {
    this.queries.push(origin);
    return Promise.resolve().then(this.response);
  }

  list(): Promise<[]> {
    return Promise.resolve([]);
  }

  async *follow(): AsyncGenerator<[], void, unknown> {}

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

Deno.test("ContainerLookup queries containerd only for a host container without files", async () => {
  const engine = new FakeEngine("containerd", () => ({
    ...{ runtime: "containerd", id: ID, name: "told" },
  }));
  using host = new Host({}, [engine]);
  host.file(`${TASK}/labns/${DOCKER}/config.json`, "{}");
  assertEquals((await host.find(`/labns/${DOCKER}`))?.name, DOCKER);
  assertEquals(engine.queries.length, 0);
  assertEquals((await host.find(`/labns/${ID}`))?.name, "told");
  assertEquals(engine.queries.map((origin) => origin.containerdNamespace), [
    "labns",
  ]);
  await host.find(`/docker/${DOCKER}/labns/${ID}`, 1);
  assertEquals(engine.queries.length, 1);
});

Deno.test("ContainerLookup waits once for an unresponsive podman service, then skips it for 10 s", async () => {
  const engine = new FakeEngine("podman", () => {
    throw new Error("Cannot read the response");
  });
  const clock = new FakeClock();
  using host = new Host({}, [engine], clock);
  const stored = "var/lib/containers/storage/overlay-containers";
  host.file(`${stored}/containers.json`, read("podman-4.3-containers.json"));
  const cgroup = `/libpod_parent/libpod-${PODMAN}`;
  for (let i = 0; i < 3; i++) {
    assertEquals((await host.find(cgroup))?.runtime, "podman");
  }
  assertEquals(engine.queries.length, 1);
  clock.advance(10_000);
  assertEquals((await host.find(cgroup))?.runtime, "podman");
  assertEquals(engine.queries.length, 2);
});

Deno.test("ContainerLookup reads all files before it queries an engine, and only for certain IDs", async () => {
  const engine = new FakeEngine("docker", () => {
    throw new Error("Cannot read the response");
  });
  using host = new Host({}, [engine]);
  host.file(`${TASK}/labns/${DOCKER}/config.json`, "{}");
  assertEquals((await host.find(`/labns/${DOCKER}`))?.runtime, "containerd");
  assertEquals(await host.find("/labns/web"), undefined);
  assertEquals(engine.queries.length, 0);
  await assertRejects(() => host.find(`/labns/${ID}`), Error, "the response");
  assertEquals(engine.queries.length, 1);
});

Deno.test("ContainerLookup.find() queries each of several containerds, also if one fails", async () => {
  const failing = new FakeEngine("containerd", () => {
    throw new Error("It does not respond");
  });
  const other = new FakeEngine("containerd", () => undefined);
  const right = new FakeEngine("containerd", () => ({
    runtime: "containerd",
    id: ID,
    image: "busybox:1",
  }));
  using host = new Host({}, [failing, other, right]);
  const metadata = await host.find(`/labns/${ID}`);
  assertEquals(metadata?.image, "busybox:1");
  assertEquals([failing, other, right].map(({ queries }) => queries.length), [
    1,
    1,
    1,
  ]);
  // A failed engine is skipped for a while; the others are queried.
  await host.find(`/labns/${ID}`);
  assertEquals([failing, other, right].map(({ queries }) => queries.length), [
    1,
    2,
    2,
  ]);
});

Deno.test("readContainerdSockets() prefers the flag, then the configuration file, then the defaults", async () => {
  using host = new Host();
  const files = new RuntimeFiles(host.root.hostFs());
  const defaults = [
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd/containerd.sock",
    "/var/snap/microk8s/common/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
  ];
  assert(defaults.length < MAX_CONTAINERD_SOCKETS);
  assertEquals(await readContainerdSockets(files, {}), defaults);
  host.file(
    "etc/containerd/config.toml",
    '[debug]\n  address = "/run/debug.sock"\n[grpc]\n  address = "/run/c.sock"\n  uid = 0\n' +
      '[ttrpc]\n  address = "/run/t.sock"\n',
  );
  assertEquals(await readContainerdSockets(files, {}), [
    "/run/c.sock",
    ...defaults,
  ]);
  const containerd = "/run/mine.sock";
  assertEquals(await readContainerdSockets(files, { containerd }), [
    containerd,
  ]);
});
