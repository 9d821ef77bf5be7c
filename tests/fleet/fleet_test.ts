/**
 * Many agents, one Prometheus, one OpenTelemetry Collector and one log store,
 * while containers are created, killed and removed, agents are killed, upgraded
 * and moved, logs rotate, and collector and store are restarted. At the end,
 * the store has each event once, and Prometheus each kill.
 *
 * Requires `prometheus`, `otelcol` and `victoria-logs` in PATH. The agents start
 * from source and, with `CGWATCH_BIN`, are upgraded to that binary.
 * `CGWATCH_FLEET_NODES` and `CGWATCH_FLEET_SECONDS` set the size,
 * `CGWATCH_FLEET_SEED` the random seed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { PROMETHEUS } from "../e2e/_prometheus.ts";
import { hasProgram } from "../e2e/_programs.ts";
import { Fleet } from "./_fleet.ts";

const numberOf = (name: string, otherwise: number) =>
  Number(Deno.env.get(`CGWATCH_FLEET_${name}`) || otherwise);

const NODES = numberOf("NODES", 50);
const SECONDS = numberOf("SECONDS", 600);
const SEED = numberOf("SEED", Date.now() % 1_000_000);

const lacking = [
  ...(PROMETHEUS === undefined ? ["prometheus"] : []),
  ...["otelcol", "victoria-logs"].filter((name) => !hasProgram(name)),
];

Deno.test({
  name:
    `${NODES} agents deliver each event and each kill once in ${SECONDS} s` +
    (lacking.length === 0 ? "" : `, skipped: ${lacking.join(", ")} missing`),
  ignore: lacking.length > 0,
  async fn() {
    print(
      `CGWATCH_FLEET_NODES=${NODES} CGWATCH_FLEET_SECONDS=${SECONDS} CGWATCH_FLEET_SEED=${SEED}`,
    );
    await using fleet = await Fleet.start({
      nodes: NODES,
      seconds: SECONDS,
      seed: SEED,
    });
    await fleet.run();
    print(fleet.report.format());
    assertEquals(fleet.report.wrong, []);
  },
});

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
