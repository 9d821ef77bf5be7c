/**
 * Runs one row of the table of readers on a path, and prints whether the
 * content was accepted and how much memory it took above the baseline.
 *
 * @module
 */
import { READERS } from "../faults/_readers.ts";

function kib(key: string): number {
  const text = Deno.readTextFileSync("/proc/self/status");
  return Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(text)?.[1]);
}

const [name, path = ""] = Deno.args;
const reader = READERS.find((reader) => reader.name === name);
if (reader === undefined) throw new RangeError(`There is no reader "${name}"`);
// Resets the peak size to the current size (`proc(5)`, `clear_refs`).
Deno.writeTextFileSync("/proc/self/clear_refs", "5");
const restKib = kib("VmRSS");
let isAccepted = true;
try {
  await reader.read(path);
} catch {
  isAccepted = false;
}
const peakMb = (kib("VmHWM") - restKib) / 1024;
// deno-lint-ignore no-console
console.log(JSON.stringify({ isAccepted, peakMb }));
