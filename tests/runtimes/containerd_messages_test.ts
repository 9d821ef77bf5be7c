import { assertEquals, assertThrows } from "@std/assert";
import {
  parseContainerdContainer,
  parseContainerdEvent,
} from "../../lib/runtimes/containerd_messages.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";
import { ProtoMessage } from "../../lib/runtimes/protobuf.ts";
import {
  containerMessage,
  envelope,
  type FakeContainer,
  proto,
} from "../_support/fake_containerd.ts";

const LABELS = new LabelFilter({ allowed: ["team"] });

function stored(container: Partial<FakeContainer>) {
  const whole = { namespace: "shop", id: "web", ...container };
  return parseContainerdContainer(
    new ProtoMessage(containerMessage(whole)),
    LABELS,
  );
}

Deno.test("parseContainerdContainer() parses name, image, allowed labels and cgroup, but no environment", () => {
  const spec = {
    process: { env: ["TOKEN=s3cret"] },
    linux: { cgroupsPath: "/shop/web", namespaces: [{ type: "network" }] },
  };
  const labels = { team: "a", secret: "s3cret", "nerdctl/name": "nice" };
  assertEquals<unknown>(stored({ image: "nginx:1", labels, spec }), {
    metadata: {
      ...{ runtime: "containerd", id: "web", name: "nice", image: "nginx:1" },
      labels: { team: "a" },
      network: { kind: "own" },
      createdMs: 1_795_416_465_930.2075,
      isStored: true,
    },
    cgroup: "/shop/web",
  });
});

Deno.test("parseContainerdContainer() omits a cgroup created by systemd and an absent image", () => {
  const spec = { linux: { cgroupsPath: "system.slice:nerdctl:web" } };
  const { metadata, cgroup } = stored({ spec });
  assertEquals([metadata.name, metadata.image, cgroup], [
    "web",
    undefined,
    undefined,
  ]);
});

Deno.test("parseContainerdContainer() throws if the ID is missing", () => {
  assertThrows(() => stored({ id: "" }), SyntaxError, "it has no ID");
});

Deno.test("parseContainerdEvent() parses events of containers and their first processes only", () => {
  const web = { namespace: "shop", id: "web" };
  const id = proto(1, "web");
  const cases: readonly (readonly [string, Uint8Array[], unknown])[] = [
    ["/containers/create", [id, proto(2, "nginx:1")], {
      ...web,
      kind: "stored",
      image: "nginx:1",
    }],
    ["/containers/update", [id], { ...web, kind: "stored" }],
    ["/containers/delete", [id], { ...web, kind: "deleted" }],
    ["/tasks/start", [id, proto(2, 77)], { ...web, kind: "started", pid: 77 }],
    ["/tasks/exit", [id, proto(2, "web"), proto(4, 137)], {
      ...web,
      kind: "exited",
      exitCode: 137,
    }],
    ["/tasks/exit", [id, proto(2, "exec-1"), proto(4, 1)], undefined],
    ["/tasks/oom", [id], undefined],
    ["/tasks/start", [], undefined],
  ];
  for (const [topic, fields, wanted] of cases) {
    assertEquals<unknown>(
      parseContainerdEvent(envelope("shop", topic, ...fields)),
      wanted,
    );
  }
});
