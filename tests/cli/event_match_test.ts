import { assertEquals } from "@std/assert";
import { isOf } from "../../lib/cli/event_match.ts";

const ID = "e".repeat(64);

const EVENT = {
  "container_name": "/kubepods/pod1",
  "container": {
    "name": "nginx",
    "id": ID,
    "aliases": ["k8s_nginx", ID],
    "pod": {
      "namespace": "shop",
      "name": "web-0",
      "uid": "u-1",
      "container": "nginx",
    },
  },
  "event_data": { "oom": { "victim_cgroup": `/kubepods/pod1/${ID}` } },
};

const UNIT = {
  "container_name": "/system.slice/dev\\x2ddisk.service/payload",
  "event_data": {},
};

Deno.test("isOf() takes a cgroup with what is below it where the text begins with a slash", () => {
  for (const text of ["/", "/kubepods", "/kubepods/", "/kubepods/pod1"]) {
    assertEquals(isOf(EVENT, text), true, text);
  }
  assertEquals(isOf(EVENT, `/kubepods/pod1/${ID}`), true);
  for (const text of ["/kube", "/kubepods/pod", "/pod1", "/nginx"]) {
    assertEquals(isOf(EVENT, text), false, text);
  }
});

Deno.test("isOf() takes a pod, a container, an alias, the beginning of an id, a unit", () => {
  for (
    const text of [
      "web-0",
      "shop/web-0",
      "shop/web-0/nginx",
      "nginx",
      "k8s_nginx",
      "u-1",
      "eeee",
      "pod1",
      "kubepods/pod1",
    ]
  ) assertEquals(isOf(EVENT, text), true, text);
  for (const text of ["web", "shop", "eee", "ngin", "dev-disk.service"]) {
    assertEquals(isOf(EVENT, text), false, text);
  }
  assertEquals(isOf(UNIT, "dev-disk.service"), true);
});
