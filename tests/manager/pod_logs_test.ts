import { assertEquals } from "@std/assert";
import { PodLogs } from "../../lib/manager/pod_logs.ts";
import type { PodSummary } from "../../lib/model/node_summary.ts";

/** Says of each directory how long its name is. */
class NamedUsage {
  readonly forgotten: string[] = [];

  of(directory: string) {
    return { timestampMs: 1, bytes: directory.length, inodes: 2 };
  }

  forget(directory: string): void {
    this.forgotten.push(directory);
  }
}

const POD: PodSummary = {
  namespace: "shop",
  name: "web-0",
  uid: "0f1e",
  containers: ["app", "sidecar"].map((name) => ({
    name,
    reference: { name: `/${name}` },
    spec: { hasDiskIo: false },
  })),
};

function logsOf(pods: readonly PodSummary[]): (number | undefined)[] {
  return pods.flatMap(({ containers }) =>
    containers.map(({ logs }) => logs?.bytes)
  );
}

Deno.test("PodLogs.measure() counts a directory for each container, and lets go of those that are gone", () => {
  const usage = new NamedUsage();
  const logs = new PodLogs(usage);
  const app = "/var/log/pods/shop_web-0_0f1e/app";
  const sidecar = "/var/log/pods/shop_web-0_0f1e/sidecar";
  assertEquals(logsOf(logs.measure([POD])), [app.length, sidecar.length]);
  assertEquals(usage.forgotten, []);
  logs.measure([{ ...POD, containers: POD.containers.slice(0, 1) }]);
  assertEquals(usage.forgotten, [sidecar]);
  logs.measure([]);
  assertEquals(usage.forgotten, [sidecar, app]);
});

Deno.test("PodLogs.measure() looks nowhere for a pod without names, or whose names lead elsewhere", () => {
  const logs = new PodLogs(new NamedUsage());
  const { name: _, ...unnamed } = POD;
  const pods = [unnamed, { ...POD, uid: "../../../etc" }, { ...POD, name: "" }];
  assertEquals(logs.measure(pods), pods);
});
