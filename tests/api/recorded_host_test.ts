// The API over a real manager of recorded hosts: what a client reads.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { createHandler } from "../../lib/api/routes.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { openManager } from "../../lib/open_manager.ts";
import {
  RecordedTree,
  RECORDING_NAMES,
  type RecordingName,
} from "../_support/recorded_tree.ts";
import { FakeMetrics } from "../_support/fake_metrics.ts";

class RecordedApi implements AsyncDisposable {
  readonly recorded: RecordedTree;
  readonly manager: Manager;
  readonly handle: (request: Request) => Promise<Response>;

  constructor(name: RecordingName) {
    this.recorded = new RecordedTree(name);
    this.manager = openManager({
      root: this.recorded.fs.root,
      kmsg: "none",
      version: "1.2.3",
    });
    const { events } = this.manager;
    this.handle = createHandler({
      metrics: new FakeMetrics(),
      page: () => Promise.resolve(undefined),
      questions: this.manager,
      events,
      streams: new EventStreams({ events, clock: systemClock }),
      logger: silentLogger,
      allowPs: "on",
    });
  }

  async text(path: string): Promise<string> {
    const request = new Request(`http://localhost/api/${path}`);
    const response = await this.handle(request);
    const text = await response.text();
    assertEquals(response.status, 200, text);
    return text;
  }

  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    return JSON.parse(await this.text(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.stop();
    this.recorded[Symbol.dispose]();
  }
}

for (const name of RECORDING_NAMES) {
  Deno.test(`the API of the recorded host ${name} tells the same in every version`, async () => {
    await using api = new RecordedApi(name);
    await api.manager.start();
    const all: { name: string }[] = await api.json("v1.1/subcontainers");
    const names = all.map(({ name }) => name);
    assert(names.length > 1 && names[0] === "/");
    assertEquals(names, names.toSorted());
    for (const version of ["v1.0", "v1.1", "v1.2", "v1.3"]) {
      for (const name of names) {
        const info = await api.json(`${version}/containers${encodeURI(name)}`);
        assertEquals(info.name, name);
      }
    }
    const specs = await api.json("v2.0/spec?recursive=true");
    assertEquals(Object.keys(specs), names);
    const stats = await api.json("v2.1/stats?recursive=true&max_age=0s");
    assertEquals(Object.keys(stats), names.slice(1));
    const usages = await api.json("v2.1/summary?recursive=true&max_age=0s");
    assertEquals(Object.keys(usages), names);
    const [machine] = await api.json("v2.1/machinestats?max_age=0s&count=1");
    assertEquals(
      machine.memory?.working_set,
      usages["/"].latest_usage.memory,
    );
    const { stats: [root] } = await api.json("v1.0/containers/");
    assertEquals(
      machine.filesystem?.map(({ device }: { device: string }) => device),
      root.filesystem?.map(({ device }: { device: string }) => device),
    );
    assertEquals(await api.json("v2.1/version"), "1.2.3");
    assertEquals(
      Object.keys(await api.json("v1.3/docker")),
      names.filter((name) => /\/docker[/-][0-9a-f]{64}(\.scope)?$/.test(name)),
    );
  });

  Deno.test(`the API of the recorded host ${name} writes its keys in the same order each time`, async () => {
    await using api = new RecordedApi(name);
    await api.manager.start();
    const path = "v2.1/spec?recursive=true";
    const first = await api.text(path);
    assertEquals(await api.text(path), first);
    // Numbers past 2^53 with all their digits: no limit, by v2 and by v1.
    assertStringIncludes(
      first,
      name === "6.1-v2" ? ":18446744073709551615" : ":9223372036854771712",
    );
  });
}
