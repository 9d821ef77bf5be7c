/**
 * Structural equality for assertions, and the display of differences.
 *
 * @module
 */

type Pairs = [unknown, unknown][];

/** Returns whether both values are structurally equal. */
export function equal(a: unknown, b: unknown): boolean {
  return isSame(a, b, []);
}

/** Returns a complete text representation with sorted keys. */
export function inspect(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    iterableLimit: Infinity,
    sorted: true,
    strAbbreviateSize: Infinity,
    trailingComma: true,
  });
}

/** Returns the lines of both values from the first difference to the last. */
export function difference(actual: unknown, expected: unknown): string {
  const a = inspect(actual).split("\n");
  const b = inspect(expected).split("\n");
  if (a.length === 1 && b.length === 1) {
    return `    actual: ${a[0]}\n  expected: ${b[0]}`;
  }
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  const longest = Math.min(a.length, b.length) - start;
  while (end < longest && a.at(-1 - end) === b.at(-1 - end)) end++;
  return [
    "  (- actual, + expected)",
    ...a.slice(Math.max(0, start - 3), start).map((line) => `    ${line}`),
    ...a.slice(start, a.length - end).map((line) => `  - ${line}`),
    ...b.slice(start, b.length - end).map((line) => `  + ${line}`),
    ...a.slice(a.length - end).slice(0, 3).map((line) => `    ${line}`),
  ].join("\n");
}

function isSame(a: unknown, b: unknown, seen: Pairs): boolean {
  // Zero and minus zero are equal, as are two NaN.
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (a === null || b === null) return false;
  if (kindOf(a) !== kindOf(b)) return false;
  if (seen.some(([x, y]) => x === a && y === b)) return true;
  const pairs: Pairs = [...seen, [a, b]];
  if (a instanceof Date) return Object.is(Number(a), Number(b));
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return isSame(new Uint8Array(a), new Uint8Array(b), pairs);
  }
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size &&
      [...a].every((x) => b.has(x) || [...b].some((y) => isSame(x, y, pairs)));
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size &&
      [...a].every(([key, value]) =>
        [...b].some(([k, v]) =>
          isSame(key, k, pairs) &&
          isSame(value, v, pairs)
        )
      );
  }
  if (a instanceof Error && b instanceof Error && a.message !== b.message) {
    return false;
  }
  const compared = equalKeys(a, b);
  return compared !== undefined &&
    compared.every((key) =>
      isSame(Reflect.get(a, key), Reflect.get(b, key), pairs)
    );
}

/** Objects without a prototype are treated as plain objects. */
function kindOf(value: object): unknown {
  return (Object.getPrototypeOf(value) ?? Object.prototype).constructor;
}

function keysOf(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
}

/** Returns the keys to compare, or nothing if the objects cannot be equal. */
function equalKeys(a: object, b: object): PropertyKey[] | undefined {
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) {
    return undefined;
  }
  const keys = keysOf(a);
  const others = new Set(keysOf(b));
  if (keys.length !== others.size) return undefined;
  return keys.every((key) => others.has(key)) ? keys : undefined;
}
