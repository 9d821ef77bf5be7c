/**
 * Measures the documentation's figures of speed and size.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Benchmark, isMet, measureOf, renderTable } from "./figure.ts";
import { fleet } from "./fleet.ts";
import { housekeeping } from "./housekeeping.ts";
import { latency } from "./latency.ts";
import { load } from "./load.ts";
import { comparison } from "./peer.ts";
import { throughput } from "./throughput.ts";
import { web } from "./web.ts";

const BENCHMARKS: readonly Benchmark[] = [
  ...housekeeping,
  ...latency,
  ...load,
  ...throughput,
  ...comparison,
  ...web,
  ...fleet,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, json: { type: "boolean" } },
});
const { quick = false, json = false } = values;
const encoder = new TextEncoder();
const say = (text: string) => {
  Deno.stderr.writeSync(encoder.encode(`${text}\n`));
};
const print = (text: string) => {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
};
const unknown = positionals.filter((name) =>
  !BENCHMARKS.some((benchmark) => benchmark.name === name)
);
if (unknown.length > 0) {
  const names = BENCHMARKS.map(({ name }) => name).join(", ");
  say(`scripts/bench: no figure "${unknown[0]}": there are ${names}`);
  Deno.exit(2);
}

const figures = [];
for (const { name, run } of BENCHMARKS) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  say(`${name} …`);
  figures.push(...await run({ quick, say }));
}
if (json) {
  print(JSON.stringify(
    figures.map((figure) => ({
      ...figure,
      measured: measureOf(figure),
      met: isMet(figure) ?? null,
    })),
  ));
} else print(renderTable(figures));
