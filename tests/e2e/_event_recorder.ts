/**
 * Checks what an agent reports about the containers of real runtimes: its
 * events, and whether its API and metrics agree with them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseExposition } from "../_support/exposition.ts";
import { AgentProcess, until, type WireEvent } from "./_agent.ts";

/** The label that the agent of a {@linkcode Told} may export. */
export const LABEL = "team";

/** Logs why a test without static precondition is skipped. */
export function skip(what: string, reason: string): void {
  // deno-lint-ignore no-console -- the one line that says so
  console.log(`skipped: ${what} does not start here: ${reason.slice(-300)}`);
}

/** Returns a predicate for events of the container with this ID. */
export function byId(id: string): (event: WireEvent) => boolean {
  return (event) => event.container?.id === id;
}

/** Returns a predicate for events of the container with this name. */
export function byName(name: string): (event: WireEvent) => boolean {
  return (event) => event.container?.name === name;
}

/** Expected values of a container in addition to its event. */
export interface Expected {
  /** Value of the exported label. */
  readonly team?: string;
  /** Number of kills; not checked if absent. */
  readonly kills?: number;
}

/** An agent and its events. */
export class EventRecorder implements AsyncDisposable {
  readonly events: WireEvent[] = [];
  readonly #ending = new AbortController();

  private constructor(readonly agent: AgentProcess) {}

  /** Starts the agent and follows its events. */
  static async start(args: string[]): Promise<EventRecorder> {
    const recorder = new EventRecorder(
      await AgentProcess.start([
        "--event-log=none",
        `--whitelisted-container-labels=${LABEL}`,
        ...args,
      ]),
    );
    await recorder.agent.follow("", recorder.events, recorder.#ending.signal);
    return recorder;
  }

  /** Returns the first matching event after `seq`; fails if there is none. */
  async next(
    type: string,
    holds: (event: WireEvent) => boolean = () => true,
    afterSeq = 0,
  ): Promise<WireEvent> {
    let found: WireEvent;
    await until(() => {
      found = this.events.find((event) =>
        event.event_type === type && event.seq > afterSeq && holds(event)
      );
      return found !== undefined;
    });
    assert(
      found !== undefined,
      `No ${type}; the last were ${
        this.events.slice(-5).map((event) => JSON.stringify(event)).join("\n")
      }`,
    );
    return found;
  }

  /**
   * Returns a container's exit code from its deletion, or from a later update
   * if the deletion was faster.
   */
  async exitCode(id: string, afterSeq = 0): Promise<number> {
    const ended = await this.next("containerDeletion", byId(id), afterSeq);
    const code = ended.event_data.container_deletion.exit_code;
    if (code !== -1) return code;
    const { event_data } = await this.next(
      "containerUpdate",
      byId(id),
      ended.seq,
    );
    return event_data.container_update.exit_code;
  }

  /** Returns the state of a source. */
  async source(name: string): Promise<{ state: string; detail: string }> {
    const { sources } = await this.agent.json("/readyz");
    return sources.find((source: { name: string }) => source.name === name);
  }

  /** Checks that the API and metrics of a container agree with its event. */
  async isConsistent(event: WireEvent, expected: Expected = {}): Promise<void> {
    const { container } = event;
    const cgroup = event.event_data.oom?.victim_cgroup ?? event.container_name;
    const { [cgroup]: spec } = await this.agent.json(`/api/v2.1/spec${cgroup}`);
    assertEquals(
      [spec.namespace, spec.aliases, spec.image, spec.labels?.[LABEL]],
      [container.namespace, container.aliases, container.image, expected.team],
    );
    const { reference, kills, ids } = await this.#metricsOf(cgroup);
    assertEquals(ids, [`${container.namespace}://${container.id}`]);
    assertEquals(
      [reference.name, reference.image, reference[`container_label_${LABEL}`]],
      [container.aliases[0], container.image, expected.team],
    );
    if (expected.kills !== undefined) assertEquals(kills, expected.kills);
  }

  /**
   * Checks that the API and metrics no longer contain the container, except for
   * its kills with its name.
   */
  async isGone(event: WireEvent, { kills = 0 }: Expected = {}): Promise<void> {
    const { container, container_name: cgroup } = event;
    const response = await fetch(`${this.agent.url}/api/v2.1/spec${cgroup}`);
    await response.body?.cancel();
    assertEquals(response.status, 404);
    const recorder = await this.#metricsOf(cgroup);
    assertEquals([recorder.ids, recorder.kills ?? 0], [[], kills]);
    if (kills > 0) assertEquals(recorder.reference.name, container.aliases[0]);
  }

  /** Returns the metrics of a cgroup: labels and value of its kills, and the IDs. */
  async #metricsOf(cgroup: string): Promise<{
    reference: Readonly<Record<string, string>>;
    kills: number | undefined;
    ids: (string | undefined)[];
  }> {
    const names = ["cgwatch_container_info", "container_oom_events_total"];
    const query = names.map((name) => `name[]=${name}`).join("&");
    const response = await fetch(`${this.agent.url}/metrics?${query}`);
    const families = parseExposition(await response.text());
    const [infos = [], ooms = []] = names.map((name) =>
      families.get(name)?.series.filter(({ labels }) => labels.id === cgroup)
    );
    const [oom] = ooms;
    return {
      reference: (infos[0] ?? oom)?.labels ?? {},
      kills: oom?.value,
      ids: infos.map(({ labels }) => labels.container_id),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.agent.stop();
  }
}
