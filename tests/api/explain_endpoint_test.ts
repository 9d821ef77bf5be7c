import { assertEquals, assertStringIncludes } from "@std/assert";
import { SmallHost } from "../_support/small_host.ts";

function addKill(host: SmallHost, incident: string, pid: number): number {
  const { event } = host.manager.events.addEvent({
    timestampMs: Date.now(),
    type: "oomKill",
    containerName: "/web",
    data: {
      "oom": {
        "pid": pid,
        "process_name": "<b>tail",
        "scope": "cgroup",
        "limit_cgroup": "/web",
        "victim_cgroup": "/web",
        "attribution": "exact",
        "incident": incident,
        "context": { "limit_bytes": 2 ** 24 },
      },
    },
  });
  return event.seq;
}

Deno.test("explain returns one kill as a sentence, as rows, and as a story", async () => {
  await using host = await SmallHost.start();
  const seq = addKill(host, "b-1", 41);
  addKill(host, "b-1", 42);
  const { sentence, summary, rows, story } = await host.json(
    `/api/v2.1/explain?seq=${seq}&utc_offset=90`,
  );
  assertStringIncludes(sentence, "The OOM killer killed <b>tail (pid 41)");
  assertStringIncludes(sentence, "and 1 more process");
  assertStringIncludes(sentence, "(UTC+01:30)");
  assertEquals(summary, "<b>tail[41]: cgroup limit 16.0 MiB");
  const [, kills] = rows.find(([label]: string[]) => label === "kills");
  assertStringIncludes(kills, "2 in the hour");
  assertEquals(
    story.victims.map(({ pid }: { pid: number }) => pid),
    [41, 42],
  );
});

Deno.test("explain lists incidents, the newest first, with the kills of hour and day", async () => {
  await using host = await SmallHost.start();
  assertEquals(await host.json("/api/v2.1/explain"), {
    "last_hour": 0,
    "last_day": 0,
    "incidents": [],
  });
  for (const [incident, pid] of [["b-1", 41], ["b-1", 42], ["b-2", 43]]) {
    addKill(host, `${incident}`, Number(pid));
  }
  const found = await host.json("/api/v2.1/explain?count=1");
  assertEquals([found.last_hour, found.last_day], [3, 3]);
  assertEquals(found.incidents.length, 1);
  assertEquals(found.incidents[0].incident, "b-2");
  const all = await host.json("/api/v2.1/explain");
  assertEquals(all.incidents[1].kills, 2);
});

Deno.test("explain rejects the seq of another event, and an offset that no zone has", async () => {
  await using host = await SmallHost.start();
  const created = await host.json("/api/v1.3/events");
  for (
    const [query, status] of [
      [`seq=${created[0].seq}`, 404],
      ["seq=999999", 404],
      ["seq=-1", 400],
      ["seq=1&utc_offset=841", 400],
      ["utc_offset=841", 400],
      [`seq=${created[0].seq}&count=x`, 400],
    ] as const
  ) {
    const response = await host.fetch(`/api/v2.1/explain?${query}`);
    assertEquals(response.status, status, query);
    await response.body?.cancel();
  }
});
