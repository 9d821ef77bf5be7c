const SPECIAL_REGEXP = /[\\"\n]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
};

/**
 * Formats labels for the exposition, without braces: `id="/a",name="web"`.
 * Labels with an empty value are omitted, which Prometheus treats the same.
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

/**
 * Converts to a valid label name: other characters than letters, digits and `_`
 * become `_`.
 */
export function labelName(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/g, "_");
}

function escapeValue(value: string | number): string {
  const text = `${value}`;
  return text.replace(SPECIAL_REGEXP, (special) => ESCAPES[special] ?? "");
}
