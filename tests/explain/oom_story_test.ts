import { assertEquals, assertThrows } from "@std/assert";
import { createOomStory, ownerOf } from "../../lib/explain/oom_story.ts";
import type { Event, OomKillData } from "../../lib/model/event.ts";

function kill(oom: OomKillData, more: Partial<Event> = {}): Event {
  return {
    "seq": 1,
    "boot_id": "b",
    "node": "n",
    "timestamp": "2026-11-23T06:31:13.000000Z",
    "event_type": "oomKill",
    "container_name": "/",
    "event_data": { "oom": oom },
    ...more,
  };
}

Deno.test("createOomStory() derives the owner of the limit from the cgroup names", () => {
  const id = "e".repeat(64);
  const uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
  for (
    const [limit, victim, owner] of [
      [`/docker/${id}`, `/docker/${id}`, "container"],
      [`/docker/${id}`, `/docker/${id}/inner`, "container"],
      [`/kubepods/pod${uid}`, `/kubepods/pod${uid}/${id}`, "pod"],
      ["/system.slice", "/system.slice/a.service", "unit"],
      ["/a", "/a/b", "cgroup"],
    ] as const
  ) {
    const { limit: found } = createOomStory([
      kill({ "limit_cgroup": limit, "victim_cgroup": victim }),
    ]);
    assertEquals(found?.owner, owner, limit);
  }
});

Deno.test("createOomStory() includes the kubelet's rule only if the value matches", () => {
  const rules = (cgroup: string, value: number) =>
    createOomStory([
      kill({ "victim_cgroup": cgroup, "oom_score_adj": value }),
    ]).victims[0]?.oom_score_adj_rule;
  for (const root of ["/kubepods/", "/kubepods.slice/kubepods-"]) {
    const end = root === "/kubepods/" ? "/pod1/c" : ".slice/pod1/c";
    assertEquals(rules(`${root}besteffort${end}`, 1000), "kubelet: BestEffort");
    assertEquals(rules(`${root}besteffort${end}`, 999), undefined);
    assertEquals(rules(`${root}burstable${end}`, 2), "kubelet: Burstable");
    assertEquals(rules(`${root}burstable${end}`, 1000), undefined);
  }
  assertEquals(rules("/kubepods/pod1/c", -997), "kubelet: Guaranteed");
  assertEquals(rules("/kubepods/pod1/c", 0), undefined);
  assertEquals(rules("/docker/c", 1000), undefined);
});

Deno.test("createOomStory() includes the run-up, and the values that are not recorded", () => {
  const sample = { "age_ms": 100, "usage_bytes": 5 };
  const full = {
    "process_name": "a",
    "pid": 1,
    "scope": "cgroup",
    "limit_cgroup": "/a",
    "victim_cgroup": "/a",
    "oom_score_adj": 0,
    "context": { "limit_bytes": 9, "run_up": [sample], "top_tasks": [] },
  } as const;
  const story = createOomStory([kill(full)]);
  assertEquals(story.run_up, [sample]);
  assertEquals(story.limit, {
    "cgroup": "/a",
    "owner": "cgroup",
    "limit_bytes": 9,
  });
  assertEquals(story.not_recorded, ["shared and kernel memory of the cgroup"]);
  assertEquals(createOomStory([kill({})]).not_recorded, [
    "which process was killed",
    "the cgroup of the process",
    "whether a limit was reached or the host was out",
    "the largest processes",
  ]);
});

Deno.test("createOomStory() accepts an incident without a kill, and rejects one without events", () => {
  const oom = kill({ "scope": "host" }, { "event_type": "oom" });
  assertEquals(createOomStory([oom]).victims.length, 1);
  assertThrows(() => createOomStory([]), RangeError);
});

Deno.test("ownerOf() returns a pod's container, a name, a unit, or a cgroup", () => {
  const of = (container: Event["container"], victim: string) =>
    ownerOf(kill({ "victim_cgroup": victim }, container && { container }));
  assertEquals(
    of({ "name": "x", "pod": { "namespace": "s", "name": "p" } }, "/a"),
    "pod s/p",
  );
  assertEquals(of({ "name": "web" }, "/a"), "container web");
  assertEquals(of(undefined, "/system.slice/a.service"), "unit a.service");
  assertEquals(of(undefined, "/a"), "cgroup /a");
  assertEquals(of(undefined, "/"), "cgroup /");
  assertEquals(ownerOf(kill({})), "an unknown cgroup");
});
