import { assertEquals } from "@std/assert";
import { EventMatcher, matchesContainer } from "../../lib/cli/event_matcher.ts";

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

Deno.test("matchesContainer() matches a cgroup and its descendants by a path with a leading slash", () => {
  for (const text of ["/", "/kubepods", "/kubepods/", "/kubepods/pod1"]) {
    assertEquals(matchesContainer(EVENT, text), true, text);
  }
  assertEquals(matchesContainer(EVENT, `/kubepods/pod1/${ID}`), true);
  for (const text of ["/kube", "/kubepods/pod", "/pod1", "/nginx"]) {
    assertEquals(matchesContainer(EVENT, text), false, text);
  }
});

Deno.test("matchesContainer() matches a pod, a container, an alias, an ID prefix, and a unit", () => {
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
  ) assertEquals(matchesContainer(EVENT, text), true, text);
  for (const text of ["web", "shop", "eee", "ngin", "dev-disk.service"]) {
    assertEquals(matchesContainer(EVENT, text), false, text);
  }
  assertEquals(matchesContainer(UNIT, "dev-disk.service"), true);
});

Deno.test("EventMatcher returns events from before the name was known, in order, once", () => {
  const event = (seq: number, id: string, name?: string) => ({
    seq,
    container_name: `/${id}`,
    container: { id, name },
  });
  const matcher = new EventMatcher("web");
  const selected = [
    event(1, "aaaa"),
    event(2, "bbbb"),
    event(3, "aaaa"),
    event(4, "aaaa", "web"),
    event(5, "bbbb", "db"),
    event(6, "aaaa"),
    event(7, "cccc", "web"),
  ].map((one) => matcher.select(one).map(({ seq }) => seq));
  assertEquals(selected, [[], [], [], [1, 3, 4], [], [6], [7]]);
});

Deno.test("EventMatcher accepts a pod as in the filter of top, and as kubectl prints it", () => {
  for (const text of ["pod:shop/web-0", "pod/web-0", "pod:u-1"]) {
    assertEquals(new EventMatcher(text).matches(EVENT), true, text);
  }
  assertEquals(new EventMatcher("pod:web").matches(EVENT), false);
});

Deno.test("EventMatcher keeps at most 1,000 events without a name", () => {
  const matcher = new EventMatcher("web");
  for (let seq = 0; seq < 5_000; seq++) {
    matcher.select({ seq, container_name: "/a", container: { id: "aaaa" } });
  }
  const selected = matcher.select({
    seq: 5_000,
    container_name: "/a",
    container: { id: "aaaa", name: "web" },
  });
  assertEquals([selected.length, selected[0].seq], [1_001, 4_000]);
});

Deno.test("EventMatcher has a needle that is in the JSON of each event with the name", () => {
  for (const text of ["web-0", "shop/web-0", "/kubepods/pod1", "nginx"]) {
    const { needle } = new EventMatcher(text);
    assertEquals(JSON.stringify(EVENT).includes(needle), true, text);
  }
  const name = 'a"\u00e9\\';
  assertEquals(
    JSON.stringify({ name }).includes(new EventMatcher(name).needle),
    true,
  );
});
