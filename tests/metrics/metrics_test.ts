import { assert, assertEquals } from "@std/assert";
import {
  CADVISOR_CONTAINER_FAMILIES,
  CADVISOR_MACHINE_FAMILIES,
} from "../_support/cadvisor_families.ts";
import { parseExposition } from "../_support/exposition.ts";
import { KubepodsTree, labelsOf } from "../_support/kubepods_tree.ts";
import { RecordedTree, RECORDING_NAMES } from "../_support/recorded_tree.ts";
import { GOLDENS, MetricsFixture } from "../_support/metrics_fixture.ts";
import { CompleteHost } from "../_support/complete_host.ts";

for (const name of RECORDING_NAMES) {
  Deno.test(`Metrics of the recorded host ${name} match the output of scripts/update_goldens.ts`, async () => {
    using recorded = new RecordedTree(name);
    using tree = new MetricsFixture(recorded);
    const text = await tree.scrape();
    parseExposition(text);
    assertEquals(
      text,
      await Deno.readTextFile(`${GOLDENS}/${name}.prom`),
    );
  });
}

Deno.test("Metrics have the same values in OpenMetrics", async () => {
  using recorded = new RecordedTree("6.1-v2");
  using tree = new MetricsFixture(recorded);
  const series = (text: string) =>
    text.split("\n").filter((line) => !line.startsWith("#"));
  const open = await tree.scrape({ format: "openmetrics" });
  assertEquals(series(open), series(await tree.scrape()));
  assert(open.endsWith("\n# EOF\n"));
});

/** Labels allowed in addition to a family's; empty ones are omitted. */
const COMMON = new Set([
  ...["id", "name", "image", "container", "pod", "namespace"],
  ...["machine_id", "system_uuid", "boot_id"],
]);

Deno.test("Metrics have all of cAdvisor's families, with types and labels, on complete hosts", async () => {
  const found = new Map<string, { type: string; labels: Set<string> }>();
  for (const version of [1, 2] as const) {
    using host = new CompleteHost(version);
    const families = parseExposition(await host.fixture.scrape());
    for (const [name, { type, series }] of families) {
      const family = found.get(name) ?? { type, labels: new Set() };
      found.set(name, family);
      assertEquals(family.type, type, name);
      for (const label of series.flatMap(({ labels }) => Object.keys(labels))) {
        if (!COMMON.has(label)) family.labels.add(label);
      }
    }
  }
  const line = (name: string, type: string, labels: Iterable<string>) =>
    [name, type, ...[...labels].toSorted()].join(" ");
  for (
    const { name, type, labels } of [
      ...CADVISOR_CONTAINER_FAMILIES,
      ...CADVISOR_MACHINE_FAMILIES,
    ]
  ) {
    const family = found.get(name);
    assertEquals(
      line(name, family?.type ?? "absent", family?.labels ?? []),
      line(name, type, labels),
    );
  }
});

Deno.test("Metrics omit a container that fails, and report the error", async () => {
  using recorded = new RecordedTree("6.1-v2");
  using tree = new MetricsFixture(recorded);
  const whole = parseExposition(await tree.scrape());
  using broken = new MetricsFixture(recorded);
  const victim = broken.containers.find(({ reference }) =>
    reference.name === "/system.slice"
  );
  assert(victim !== undefined);
  victim.handler.spec = () => {
    throw new TypeError("broken");
  };
  const rest = parseExposition(await broken.scrape());
  const names = (of: typeof whole) =>
    of.get("container_memory_rss")?.series.map(({ labels }) => labels["id"]);
  assertEquals(
    names(rest),
    names(whole)?.filter((name) => name !== "/system.slice"),
  );
  const error = (of: typeof whole) =>
    of.get("container_scrape_error")?.series[0]?.value;
  assertEquals([error(whole), error(rest)], [0, 1]);
});

Deno.test("Metrics report OOM kills of a removed container with its last labels", async () => {
  using recorded = new RecordedTree("6.1-v2");
  using tree = new MetricsFixture(recorded);
  const container = tree.containers.at(-1);
  const name = container?.reference.name ?? "";
  const kills = async () =>
    parseExposition(await tree.scrape()).get("container_oom_events_total")
      ?.series.filter(({ value }) => value > 0)
      .map(({ labels, value }) => [labels["id"], labels["image"], value]);
  assertEquals(await kills(), []);
  tree.kills.set(name, 2).set("/never/seen", 1);
  Object.defineProperty(container, "specNoOlderThan", {
    value: () => ({ hasDiskIo: false, image: "nginx:1" }),
  });
  const expected = [[name, "nginx:1", 2], ["/never/seen", undefined, 1]];
  assertEquals(await kills(), expected);
  (tree.containers as unknown[]).pop();
  container?.close();
  assertEquals(await kills(), expected);
  // A container that existed only between two scrapes.
  tree.ended.set("/never/seen", {
    reference: { name: "/never/seen" },
    image: "busybox:1",
  });
  assertEquals(await kills(), [expected[0], ["/never/seen", "busybox:1", 1]]);
  tree.kills.clear();
  assertEquals(await kills(), []);
});

for (const driver of ["cgroupfs", "systemd"] as const) {
  Deno.test(`Metrics label a pod's cgroup of the ${driver} driver from its containers' labels`, async () => {
    using kubepods = new KubepodsTree(driver);
    using tree = new MetricsFixture(kubepods.recorded);
    for (const container of tree.containers) {
      const labels = labelsOf(container.reference.name);
      Object.defineProperty(container, "specNoOlderThan", {
        value: () => ({
          hasDiskIo: false,
          ...(labels !== undefined && { labels }),
        }),
      });
    }
    const text = await tree.scrape({
      names: new Set(["container_memory_rss"]),
    });
    const pods = parseExposition(text).get("container_memory_rss")?.series
      .filter(({ labels }) => labels["pod"] !== undefined)
      .map((
        { labels },
      ) => [labels["pod"], labels["namespace"], labels["container"] ?? ""]);
    assertEquals(pods?.toSorted(), [
      ["etcd-n1", "shop", ""],
      ["etcd-n1", "shop", "POD"],
      ["etcd-n1", "shop", "etcd"],
      ["web-0", "shop", ""],
      ["web-0", "shop", ""],
      ["web-0", "shop", "app"],
      ["web-0", "shop", "sidecar"],
    ]);
  });
}
