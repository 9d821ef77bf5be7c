import { assertEquals } from "@std/assert";
import type { SourceState } from "../../lib/model/source_state.ts";
import { engineStates } from "../../lib/runtimes/engine_watcher.ts";

function watcher(
  state: SourceState["state"],
  detail = "",
  name = "containerd",
): { readonly state: SourceState } {
  return { state: { name, state, detail } };
}

Deno.test("engineStates() returns one state per runtime: the worst of those with a usable socket, then one without permission", () => {
  const docker = watcher("ok", "", "docker");
  const of = (...watchers: { readonly state: SourceState }[]) =>
    engineStates([docker, ...watchers]).slice(1);
  assertEquals(of(watcher("off", "no socket at /a"), watcher("off", "/b")), [
    watcher("off", "no socket at /a").state,
  ]);
  assertEquals(of(watcher("off", "/a"), watcher("ok")), [watcher("ok").state]);
  assertEquals(of(watcher("ok"), watcher("degraded", "hangs")), [
    watcher("degraded", "hangs").state,
  ]);
  assertEquals(of(watcher("degraded", "a"), watcher("degraded", "b")), [
    watcher("degraded", "a; b").state,
  ]);
  const denied = watcher("off", "no permission for the socket /b: names");
  assertEquals(of(watcher("off", "no socket at /a"), denied), [denied.state]);
  assertEquals(of(denied, watcher("ok")), [watcher("ok").state]);
  assertEquals(engineStates([]), []);
});
