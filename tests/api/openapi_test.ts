import { assert, assertEquals } from "@std/assert";
import { ENDPOINTS } from "../../lib/api/endpoint_table.ts";
import { openApiDocument } from "../../lib/api/openapi.ts";
import { createHandler } from "../../lib/api/routes.ts";
import type { Wire } from "../../lib/api/schema.ts";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import type { Incident } from "../../lib/explain/incidents.ts";
import type { OomScoreRule, OomStory } from "../../lib/explain/oom_story.ts";
import type { Event } from "../../lib/model/event.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { FakeManager } from "../_support/fake_manager.ts";
import { FakeMetrics } from "../_support/fake_metrics.ts";

/** A type whose optional fields are `undefined` rather than absent, as those of {@linkcode Wire}. */
type Complete<T> = T extends OomScoreRule ? string
  : T extends readonly (infer E)[] ? readonly Complete<E>[]
  : T extends object ? {
      readonly [K in keyof T]-?:
        | Complete<T[K]>
        | (Record<never, never> extends Pick<T, K> ? undefined : never);
    }
  : T;

type Same<A, B> = [A, B] extends [B, A] ? true : false;

// Fails to compile if a described object has another field, or the type of one differs.
const ARE_DESCRIBED: [
  Same<Wire<"Event">, Complete<Event>>,
  Same<Wire<"OomIncident">, Complete<Incident>>,
  Same<Wire<"OomStory">, Complete<OomStory>>,
] = [true, true, true];

/** Returns the targets of all `$ref` in a value. */
function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" ? [String(item)] : references(item)
  );
}

Deno.test("openApiDocument() describes every path and refers to what exists", () => {
  assert(ARE_DESCRIBED.every((is) => is));
  // deno-lint-ignore no-explicit-any
  const document: any = openApiDocument("1.2.3");
  assertEquals(document.info.version, "1.2.3");
  const found = new Set(references(document));
  for (const reference of found) {
    const target = reference.slice(2).split("/").reduce(
      (value, key) => value?.[key],
      document,
    );
    assert(target !== undefined, reference);
  }
  for (const name of Object.keys(document.components.schemas)) {
    assert(found.has(`#/components/schemas/${name}`), `${name} is unused`);
  }
  for (const { path, versions, rest } of ENDPOINTS) {
    for (
      const base of versions?.map((version) => `/api/${version}/${path}`) ??
        [path]
    ) {
      const described = rest === "file" ? `${base}/{file}` : base;
      assert(described in document.paths, described);
    }
  }
  const ids = Object.values<Record<string, { operationId?: string }>>(
    document.paths,
  ).flatMap((item) =>
    Object.values(item).flatMap(({ operationId: id }) => id ?? [])
  );
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("/openapi.json has an ETag, and responds with 304 to it", async () => {
  const clock = new FakeClock();
  const events = new EventManager({ node: "n1", bootId: "b1", clock });
  const handle = createHandler({
    manager: new FakeManager(),
    events,
    streams: new EventStreams({ events, clock }),
    metrics: new FakeMetrics(),
    page: () => Promise.resolve(undefined),
    logger: silentLogger,
    allowPs: "off",
  });
  const send = (headers: Record<string, string>, method = "GET") =>
    handle(new Request("http://localhost/openapi.json", { method, headers }));
  const first = await send({});
  const etag = first.headers.get("etag") ?? "";
  assertEquals((await first.json()).openapi, "3.1.1");
  for (
    const [known, method] of [[etag, "GET"], [`"x", ${etag}`, "HEAD"]] as const
  ) {
    const again = await send({ "if-none-match": known }, method);
    assertEquals([again.status, again.headers.get("etag")], [304, etag]);
    assertEquals(await again.text(), "");
  }
  const other = await send({
    "if-none-match": '"x"',
    "accept-encoding": "gzip",
  });
  assertEquals(other.status, 200);
  assertEquals(other.headers.get("content-encoding"), "gzip");
  await other.body?.cancel();
});
