import { assert, assertEquals } from "@std/assert";
import {
  type CgroupOrigin,
  parseCgroupOrigin,
  unescapeUnit,
} from "../../lib/runtimes/cgroup_origin.ts";

const ID = "f9f4d78142fd15e4683ea8459fa3410f2a6ce692f3a594ce63e8641602d7d198";
const OUTER =
  "76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e";
const UID = "0f1e2d3c-1111-2222-3333-444455556666";
const UID_ = UID.replaceAll("-", "_");
const STATIC_UID = "8f8d1c2e4b3a59687f6e5d4c3b2a1908";
const RKT =
  "machine-rkt\\x2d1b2c3d4e\\x2d0000\\x2d4000\\x2d8000\\x2d1b2c3d4e5f60";
const RKT_UUID = "1b2c3d4e-0000-4000-8000-1b2c3d4e5f60";

/** Returns the fields of an origin that the table compares. */
function comparedFields(name: string): Record<string, unknown> {
  const origin = parseCgroupOrigin(name) ?? { kind: "plain" };
  const { kind, ...rest } = origin as CgroupOrigin;
  if (kind !== "container") return { kind, ...rest };
  const { runtimes, isCertain, ...others } = origin as Extract<
    CgroupOrigin,
    { kind: "container" }
  >;
  return {
    ...others,
    kind: isCertain ? "container" : "perhaps",
    runtime: runtimes.length === 1 ? runtimes[0] : "?",
  };
}

/** Names from recordings or, where none exists, from the runtimes' source code. */
const NAMES: readonly (readonly [string, Record<string, unknown>])[] = [
  // docker: cgroupfs, systemd, custom parent, rootless
  [`/docker/${ID}`, {
    runtime: "docker",
    id: ID,
    containerdNamespace: "docker",
  }],
  [`/system.slice/docker-${ID}.scope`, { runtime: "docker", id: ID }],
  [`/mykube.slice/mykube-pod1.slice/docker-${ID}.scope`, {
    runtime: "docker",
    id: ID,
  }],
  [
    `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
    {
      runtime: "docker",
      id: ID,
      uid: 1000,
    },
  ],
  // podman: systemd, cgroupfs, in a pod, rootless
  [`/machine.slice/libpod-${ID}.scope`, { runtime: "podman", id: ID }],
  [`/libpod_parent/libpod-${ID}`, { runtime: "podman", id: ID }],
  [`/machine.slice/machine-libpod_pod_${OUTER}.slice/libpod-${ID}.scope`, {
    runtime: "podman",
    id: ID,
  }],
  [
    `/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-${ID}.scope`,
    {
      runtime: "podman",
      id: ID,
      uid: 1001,
    },
  ],
  // Kubernetes: both drivers, each class, each runtime
  [`/kubepods/burstable/pod${UID}/${ID}`, {
    runtime: "?",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: UID,
  }],
  [`/kubepods/pod${STATIC_UID}/${ID}`, {
    runtime: "?",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: STATIC_UID,
  }],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    {
      runtime: "containerd",
      id: ID,
      containerdNamespace: "k8s.io",
      podUid: UID,
    },
  ],
  [`/kubepods.slice/kubepods-pod${UID_}.slice/crio-${ID}.scope`, {
    runtime: "crio",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: UID,
  }],
  [`/kubepods.slice/kubepods-pod${UID_}.slice/crio-${ID}`, {
    runtime: "crio",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: UID,
  }],
  [`/kubepods/burstable/pod${UID}/crio-${ID}`, {
    runtime: "crio",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: UID,
  }],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice/docker-${ID}.scope`,
    { runtime: "docker", id: ID, containerdNamespace: "k8s.io", podUid: UID },
  ],
  // cgroupfs driver with a path for the systemd driver
  [
    `/system.slice/containerd.service/kubepods-pod${UID_}.slice:cri-containerd:${ID}`,
    {
      runtime: "containerd",
      id: ID,
      containerdNamespace: "k8s.io",
      podUid: UID,
    },
  ],
  [`/system.slice:docker:${ID}`, { runtime: "docker", id: ID }],
  [`/:docker:${ID}`, { runtime: "docker", id: ID }],
  [`/kubepods-pod${UID_}.slice:cri-containerd:${OUTER}/docker/${ID}`, {
    runtime: "docker",
    id: ID,
    outer: `/kubepods-pod${UID_}.slice:cri-containerd:${OUTER}`,
  }],
  // containerd without Kubernetes
  [`/system.slice/nerdctl-${ID}.scope`, { runtime: "containerd", id: ID }],
  [`/default/${ID}`, { runtime: "?", id: ID, containerdNamespace: "default" }],
  // rkt
  [`/machine.slice/${RKT}.scope`, {
    runtime: "rkt",
    id: RKT_UUID,
    name: `rkt://${RKT_UUID}`,
  }],
  [`/machine.slice/${RKT}.scope/system.slice/nginx.service`, {
    runtime: "rkt",
    id: `${RKT_UUID}:nginx`,
    name: `rkt://${RKT_UUID}:nginx`,
  }],
  // nested: the result is the innermost container; the enclosing one is `outer`
  [`/docker/${OUTER}/docker/${ID}`, {
    runtime: "docker",
    id: ID,
    outer: `/docker/${OUTER}`,
  }],
  [`/system.slice/docker-${OUTER}.scope/docker/${ID}`, {
    runtime: "docker",
    id: ID,
    outer: `/system.slice/docker-${OUTER}.scope`,
  }],
  [
    `/system.slice/docker-${OUTER}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    {
      runtime: "containerd",
      id: ID,
      containerdNamespace: "k8s.io",
      podUid: UID,
      outer: `/system.slice/docker-${OUTER}.scope`,
    },
  ],
  [`/docker/${OUTER}/kubelet/kubepods/besteffort/pod${UID}/${ID}`, {
    runtime: "?",
    id: ID,
    containerdNamespace: "k8s.io",
    podUid: UID,
    outer: `/docker/${OUTER}`,
  }],
];

Deno.test("parseCgroupOrigin() recognizes the containers of each runtime", () => {
  for (const [name, expected] of NAMES) {
    assertEquals(
      comparedFields(name),
      { kind: "container", ...expected },
      name,
    );
  }
});

Deno.test("parseCgroupOrigin() recognizes pods of both drivers, but not QoS classes", () => {
  const systemd = "/kubepods.slice/kubepods-burstable.slice";
  const kind = `/docker/${OUTER}/kubelet/kubepods/burstable/pod${UID}`;
  for (
    const [name, expected] of [
      [`/kubepods/pod${UID}`, { kind: "pod", podUid: UID }],
      [`/kubepods/burstable/pod${STATIC_UID}`, {
        kind: "pod",
        podUid: STATIC_UID,
      }],
      [`${systemd}/kubepods-burstable-pod${UID_}.slice`, {
        kind: "pod",
        podUid: UID,
      }],
      [kind, { kind: "pod", podUid: UID, outer: `/docker/${OUTER}` }],
      ["/kubepods/burstable", { kind: "plain" }],
      ["/kubepods", { kind: "plain" }],
      [systemd, { kind: "unit", unit: "kubepods-burstable.slice" }],
      // A user's slice whose name resembles a pod slice.
      ["/mykube.slice/mykube-pod1.slice", {
        kind: "unit",
        unit: "mykube-pod1.slice",
      }],
    ] as const
  ) {
    assertEquals(comparedFields(name), expected, name);
  }
});

Deno.test("parseCgroupOrigin() recognizes units, including the monitor scopes of containers", () => {
  for (
    const [name, unit] of [
      ["/system.slice", "system.slice"],
      ["/system.slice/ssh.service", "ssh.service"],
      ["/user.slice/user-0.slice/session-1.scope", "session-1.scope"],
      [
        "/system.slice/system-getty.slice/getty@tty1.service",
        "getty@tty1.service",
      ],
      // Escapes are part of the name: without them it is another unit.
      [
        "/system.slice/my\\x2dapp\\xc3\\xa9.service",
        "my\\x2dapp\\xc3\\xa9.service",
      ],
      // systemd escapes names that collide with cpu.…, cgroup.…, or start with "_".
      ["/system.slice/_cpu.service", "cpu.service"],
      ["/system.slice/_cgroup.service", "cgroup.service"],
      ["/system.slice/__job.service", "_job.service"],
      [`/machine.slice/libpod-conmon-${ID}.scope`, `libpod-conmon-${ID}.scope`],
      [`/kubepods.slice/crio-conmon-${ID}.scope`, `crio-conmon-${ID}.scope`],
      [
        "/machine.slice/machine-rkt\\x2dnothing.scope",
        "machine-rkt\\x2dnothing.scope",
      ],
    ] as const
  ) {
    assertEquals(comparedFields(name), { kind: "unit", unit }, name);
  }
  assertEquals(comparedFields(`/docker/${OUTER}/init.scope`), {
    kind: "unit",
    unit: "init.scope",
    outer: `/docker/${OUTER}`,
  });
});

Deno.test("parseCgroupOrigin() marks containers of ctr, runc or crun as uncertain", () => {
  assertEquals(comparedFields("/default/x1"), {
    kind: "perhaps",
    runtime: "?",
    id: "x1",
    containerdNamespace: "default",
  });
  assertEquals(comparedFields("/web"), {
    kind: "perhaps",
    runtime: "?",
    id: "web",
  });
});

Deno.test("parseCgroupOrigin() returns undefined for other names", () => {
  for (
    const name of [
      "/",
      // crun creates this cgroup inside the container.
      `/machine.slice/libpod-${ID}.scope/container`,
      `/docker/${ID}/sub`,
      "/a/b/c",
      "/a b",
      `/docker/${ID}x/y/z`,
      "/system.slice/ssh.service/a/b",
    ]
  ) {
    assertEquals(parseCgroupOrigin(name), undefined, name);
  }
});

Deno.test("parseCgroupOrigin() parses 500,000 names in less than 2 s", () => {
  const names = NAMES.map(([name]) => name);
  const startMs = performance.now();
  for (let i = 0; i < 20_000; i++) {
    parseCgroupOrigin(names[i % names.length] ?? "");
  }
  // 4 µs per name (Deno 2.9.6, 2 busy cores); the limit allows for a slower machine.
  assert(performance.now() - startMs < 2_000);
});

Deno.test("unescapeUnit() decodes systemd's escapes and nothing else", () => {
  assertEquals(unescapeUnit("a\\x2db\\x20c.service"), "a-b c.service");
  assertEquals(unescapeUnit("\\xe2\\x82\\xac.mount"), "€.mount");
  assertEquals(unescapeUnit("a-b\\y.slice"), "a-b\\y.slice");
});
