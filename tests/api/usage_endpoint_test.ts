import { assert, assertEquals } from "@std/assert";
import { SmallHost } from "../_support/small_host.ts";

const cpu = (usec: number) =>
  `usage_usec ${usec}\nuser_usec ${usec}\nsystem_usec 0\nnr_periods ${
    usec / 100
  }\nnr_throttled ${usec / 400}\nthrottled_usec 0\n`;

Deno.test("usage returns a row for each container, in the requested columns", async () => {
  await using host = await SmallHost.start({
    "sys/fs/cgroup/web/memory.current": "8192\n",
    "sys/fs/cgroup/web/memory.max": "16384\n",
  });
  const path = "/api/v2.1/usage?recursive=true&max_age=0s";
  const { columns, containers } = await host.json(path);
  const row = Object.fromEntries(
    columns.map((column: string, at: number) => [
      column,
      containers["/web"][0][at],
    ]),
  );
  assertEquals(Object.keys(containers)[0], "/");
  assertEquals(row.name, "/web");
  assertEquals(row.type, "cgroup");
  assertEquals(row.memory, 8192);
  assertEquals(row.memory_limit, 16_384);
  assertEquals(row.oom_kills, 0);
  assertEquals(row.image, null);
  const some = await host.json("/api/v2.1/usage/web?columns=memory,name");
  assertEquals(some.columns, ["memory", "name"]);
  assertEquals(some.containers, { "/web": [[8192, "/web"]] });
});

Deno.test("usage has rates of the two newest samples, and a row of each sample", async () => {
  await using host = await SmallHost.start({
    "sys/fs/cgroup/web/cpu.stat": cpu(0),
  });
  const columns = "columns=timestamp,cpu,throttled";
  await host.json(`/api/v2.1/usage/web?max_age=0s`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  host.root.file("sys/fs/cgroup/web/cpu.stat", cpu(40_000));
  const { containers } = await host.json(
    `/api/v2.1/usage/web?max_age=0s&count=2&${columns}`,
  );
  const [[before], [now, used, throttled]] = containers["/web"];
  assertEquals(used, Math.round(40_000 / (now - before) * 10) / 10_000);
  assertEquals(throttled, 0.25);
});

Deno.test("usage since an earlier response has the containers that were measured after it", async () => {
  await using host = await SmallHost.start();
  const { timestamp } = await host.json("/api/v2.1/usage?max_age=0s");
  const later = `/api/v2.1/usage/web?since=${timestamp + 60_000}`;
  assertEquals((await host.json(later)).containers, {});
  const earlier = `/api/v2.1/usage/web?since=${timestamp - 60_000}`;
  assert("/web" in (await host.json(earlier)).containers);
});

Deno.test("usage rejects an unknown column, an invalid time and an unknown container", async () => {
  await using host = await SmallHost.start();
  for (
    const [path, status] of [
      ["/api/v2.1/usage?columns=cpu,size", 400],
      ["/api/v2.1/usage?since=yesterday", 400],
      ["/api/v2.1/usage/none", 404],
      ["/api/v2.0/usage", 404],
    ] as const
  ) {
    const response = await host.fetch(path);
    assertEquals(response.status, status, path);
    await response.body?.cancel();
  }
});
