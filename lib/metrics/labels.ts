const SPECIAL_REGEXP = /[\\"\n]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
};

/**
 * Formats `id="/a",name="web"`. Prometheus ignores empty labels; they are
 * omitted.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatLabels([["id", "/a"], ["name", ""]]), 'id="/a"');
 * ```
 */
export function formatLabels(
  labels: Iterable<readonly [name: string, value: string | number | undefined]>,
): string {
  let text = "";
  for (const [name, value = ""] of labels) {
    if (value === "") continue;
    text += `${text === "" ? "" : ","}${name}="${escapeValue(value)}"`;
  }
  return text;
}

/** Replaces all except letters, digits and `_` with `_`. */
export function labelName(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/g, "_");
}

function escapeValue(value: string | number): string {
  const text = `${value}`;
  return text.replace(SPECIAL_REGEXP, (special) => ESCAPES[special] ?? "");
}
