// The API of a real manager of recorded hosts.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  RecordedTree,
  RECORDING_NAMES,
  type RecordingName,
} from "../_support/recorded_tree.ts";
import { ManagedApi } from "../_support/managed_api.ts";

class RecordedApi implements AsyncDisposable {
  readonly recorded: RecordedTree;
  readonly api: ManagedApi;

  private constructor(name: RecordingName) {
    this.recorded = new RecordedTree(name);
    this.api = new ManagedApi(this.recorded.fs.root, { version: "1.2.3" });
  }

  static async start(name: RecordingName): Promise<RecordedApi> {
    const recorded = new RecordedApi(name);
    await recorded.api.manager.start();
    return recorded;
  }

  async text(path: string): Promise<string> {
    const response = await this.api.fetch(`/api/${path}`);
    const text = await response.text();
    assertEquals(response.status, 200, text);
    return text;
  }

  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    return JSON.parse(await this.text(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    this.recorded[Symbol.dispose]();
  }
}

for (const name of RECORDING_NAMES) {
  Deno.test(`the API of the recorded host ${name} has the same containers in every version`, async () => {
    await using api = await RecordedApi.start(name);
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

  Deno.test(`the API of the recorded host ${name} serializes keys in a fixed order`, async () => {
    await using api = await RecordedApi.start(name);
    const path = "v2.1/spec?recursive=true";
    const first = await api.text(path);
    assertEquals(await api.text(path), first);
    // Integers above 2^53 have all digits: unlimited, on v2 and on v1.
    assertStringIncludes(
      first,
      name === "6.1-v2" ? ":18446744073709551615" : ":9223372036854771712",
    );
  });
}
