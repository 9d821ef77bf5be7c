/**
 * Number and size of the events of pods, for sizing the event log and its store.
 *
 * @module
 */
import {
  AgentProcess,
  delay,
  readEvents,
  SOURCE,
  until,
  type WireEvent,
} from "../../tests/e2e/_agent.ts";
import { FleetNode } from "../../tests/fleet/_node.ts";
import { RecordedTree } from "../../tests/_support/recorded_tree.ts";
import type { TestCgroup } from "../../tests/_support/test_cgroup.ts";
import type { Figure } from "./figure.ts";

const SLICE = "sys/fs/cgroup/kubepods.slice";

/** Time for events that are not expected. */
const SETTLE_MS = 2_000;

const KILLED_LIFE_MS = 8_000;

/** Measures pods of one container that are created, reported again and removed. */
export async function eventFigures(
  pods: number,
  addPods: (root: TestCgroup, count: number) => void,
): Promise<Figure[]> {
  using recorded = new RecordedTree("6.1-v2");
  const directory = await Deno.makeTempDir();
  const log = `${directory}/events.ndjson`;
  const start = () =>
    AgentProcess.start([
      `--root=${recorded.fs.root}`,
      "--kmsg=none",
      `--event-log=${log}`,
      "--event-log-max-size=1GiB",
    ]);
  const ofPods = async () =>
    (await readEvents(log)).filter(({ container_name: name }) =>
      name.includes("/kubepods-pod")
    );
  /** Resolves with the events after `from`, once as many are there. */
  const next = async (from: number, count: number) => {
    await until(async () => (await ofPods()).length >= from + count, {
      timeoutMs: 30_000,
      everyMs: 500,
    });
    await delay(SETTLE_MS);
    return (await ofPods()).slice(from);
  };
  let agent = await start();
  try {
    addPods(recorded.root, pods);
    // Slice, sandbox and container; an update of the last two.
    const created = await next(0, 5 * pods);
    await agent.stop();
    agent = await start();
    const again = await next(created.length, 3 * pods);
    removePods(`${recorded.root.path}/${SLICE}`);
    const removed = await next(created.length + again.length, 3 * pods);
    const all = [...created, ...removed];
    return [
      figure("events per pod created and removed", "", all.length / pods),
      figure("bytes of these", "bytes", bytes(all) / pods),
      figure("events per pod at a start of the agent", "", again.length / pods),
      figure("bytes of these", "bytes", bytes(again) / pods),
      ...meanSizes(all),
      ...meanSizes(await killed(directory)),
    ];
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Removes cgroups as the kernel does, children first. */
function removePods(slice: string): void {
  for (const { name } of [...Deno.readDirSync(slice)]) {
    if (!name.startsWith("kubepods-pod")) continue;
    const pod = `${slice}/${name}`;
    for (const { name, isDirectory } of [...Deno.readDirSync(pod)]) {
      if (isDirectory) Deno.removeSync(`${pod}/${name}`, { recursive: true });
    }
    Deno.removeSync(pod, { recursive: true });
  }
}

/** Returns the events of an OOM kill in a container of a pod. */
async function killed(directory: string): Promise<WireEvent[]> {
  const tokenFile = `${directory}/token`;
  await Deno.writeTextFile(tokenFile, "abc\n", { mode: 0o600 });
  const node = new FleetNode({ name: "n1", directory, tokenFile });
  try {
    await node.start(SOURCE);
    await node.live(KILLED_LIFE_MS, true);
    await delay(SETTLE_MS);
    await node.stop("SIGTERM");
    const { events } = await node.log.read();
    return events.filter(({ event_type: type }) => type.startsWith("oom"));
  } finally {
    await node.stop("SIGKILL");
    node.remove();
  }
}

function meanSizes(events: readonly WireEvent[]): Figure[] {
  return [...Map.groupBy(events, kindOf)].map(([kind, of]) =>
    figure(`bytes of ${kind}`, "bytes", bytes(of) / of.length)
  );
}

function kindOf(
  { event_type: type, container_name: name, container }: WireEvent,
): string {
  if (type.startsWith("oom")) return type;
  if (name.endsWith(".slice")) return `${type} of a slice`;
  // The sandbox has an ID of `f`.
  return `${type} of a ${
    container?.id?.startsWith("f") ? "sandbox" : "container"
  }`;
}

/** Size in the event log, with line feeds. */
function bytes(events: readonly WireEvent[]): number {
  return events.reduce(
    (sum, event) => sum + JSON.stringify(event).length + 1,
    0,
  );
}

function figure(name: string, unit: string, value: number): Figure {
  return { name: `fleet: ${name}`, unit, values: [value] };
}
