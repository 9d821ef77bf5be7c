import { assertEquals } from "@std/assert";
import { groupByPod } from "../../lib/manager/pods.ts";
import type { DescribedContainer } from "../../lib/model/node_summary.ts";

const POD = "/kubepods/pod0f1e2d3c-1111-2222-3333-444455556666";

function container(
  name: string,
  rest: {
    readonly labels?: Record<string, string>;
    readonly creationTimeMs?: number;
    readonly usage?: number;
  } = {},
): DescribedContainer {
  const { usage, ...spec } = rest;
  return {
    reference: { name },
    spec: { hasDiskIo: false, ...spec },
    ...(usage !== undefined && {
      stats: {
        timestampMs: 0,
        cpuInst: { usage, user: 0, system: 0 },
        memory: { rssBytes: usage },
      },
    }),
  };
}

const NAMED = {
  "io.kubernetes.pod.name": "web-0",
  "io.kubernetes.pod.namespace": "shop",
  "io.kubernetes.container.name": "app",
};

const id = (digit: string) => digit.repeat(64);

Deno.test("groupByPod() takes of several containers of one name the newest that does anything", () => {
  const of = (digit: string, creationTimeMs: number, usage: number) =>
    container(`${POD}/${id(digit)}`, { labels: NAMED, creationTimeMs, usage });
  const chosen = (...containers: DescribedContainer[]) =>
    groupByPod(containers).pods[0]?.containers.map(({ reference }) =>
      reference.name.at(-1)
    );
  assertEquals(chosen(of("a", 1, 5), of("b", 3, 0), of("c", 2, 5)), ["c"]);
  assertEquals(chosen(of("a", 1, 0), of("b", 3, 0), of("c", 2, 0)), ["b"]);
});

Deno.test("groupByPod() identifies a pod by its labels if the cgroup's name has no uid", () => {
  const { pods } = groupByPod([
    container(`/system.slice/docker-${id("a")}.scope`, { labels: NAMED }),
  ]);
  assertEquals(
    pods.map(({ name, namespace, uid }) => [name, namespace, uid]),
    [["web-0", "shop", undefined]],
  );
});

Deno.test("groupByPod() leaves out containers that belong to no pod", () => {
  const names = [
    "/",
    "/system.slice/kubelet.service",
    "/kubepods",
    "/lab",
    `/docker/${id("a")}`,
  ];
  const { root, systemContainers, pods } = groupByPod(
    names.map((name) => container(name)),
  );
  assertEquals(root?.reference.name, "/");
  assertEquals(systemContainers.map(({ name }) => name), ["kubelet", "pods"]);
  assertEquals(pods, []);
});

Deno.test("groupByPod() leaves out a container without a name until it has a sample", () => {
  const namesOf = (usage?: number) =>
    groupByPod([
      container(`${POD}/${id("a")}`, { labels: NAMED }),
      container(
        `${POD}/${id("b")}`,
        usage === undefined ? {} : { usage },
      ),
    ]).pods[0]?.containers.map(({ name }) => name);
  assertEquals(namesOf(), ["app"]);
  assertEquals(namesOf(5), ["app", id("b")]);
});

Deno.test("groupByPod() leaves out a pod of which only the sandbox runs", () => {
  const sandbox = { ...NAMED, "io.kubernetes.container.name": "POD" };
  const { pods } = groupByPod([
    container(POD),
    container(`${POD}/${id("a")}`, { labels: sandbox }),
  ]);
  assertEquals(pods, []);
});
