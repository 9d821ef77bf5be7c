import { cursor } from "../keyed.ts";

const KEYS = ["avg10=", "avg60=", "avg300=", "total="] as const;

/**
 * Parses a pressure file (`accounting/psi.rst`, since Linux 4.20) into eight
 * columns: avg10, avg60, avg300 (percent) and total (microseconds) of `some`,
 * then of `full`. Columns of a missing line are unchanged: `cpu.pressure` has
 * no `full` before Linux 5.13. Unknown lines are skipped.
 *
 * ```text
 * some avg10=1.49 avg60=0.34 avg300=0.07 total=256409
 * full avg10=1.21 avg60=0.27 avg300=0.06 total=216199
 * ```
 *
 * @throws {KernfsSyntaxError} if a `some` or `full` line lacks a value
 */
export function parsePressure(
  bytes: Uint8Array,
  length: number,
  row: Float64Array,
  firstColumn: number,
  path: string,
): void {
  cursor.reset(bytes, length, path);
  for (; !cursor.done; cursor.nextLine()) {
    let column = firstColumn;
    if (cursor.skip("full ")) column += KEYS.length;
    else if (!cursor.skip("some ")) continue;
    for (const key of KEYS) {
      if (!cursor.skip(key)) cursor.fail();
      row[column++] = cursor.decimal();
      cursor.skipSpaces();
    }
  }
}
