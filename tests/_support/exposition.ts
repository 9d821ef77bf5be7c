import { assert, assertEquals } from "@std/assert";

/** One line of an exposition. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A family of an exposition. */
export interface ParsedFamily {
  readonly type: string;
  readonly series: readonly Series[];
}

const SERIES_REGEXP = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL_REGEXP = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Decodes chunks. */
export function decodeChunks(chunks: Iterable<Uint8Array>): string {
  const decoder = new TextDecoder();
  let text = "";
  for (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/**
 * Parses the Prometheus format strictly: every series follows its head, and no
 * family occurs twice.
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, { type: string; series: Series[] }>();
  assert(text === "" || text.endsWith("\n"));
  let current: { type: string; series: Series[] } | undefined;
  let family = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const [, kind, name = "", rest = ""] =
      /^# (HELP|TYPE|EOF) ?(\S*) ?(.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      assert(!families.has(name), `${name} is told twice`);
      assert(rest.length > 0, `${name} has no help`);
    } else if (kind === "TYPE") {
      family = name;
      current = { type: rest, series: [] };
      families.set(name, current);
    } else if (kind === undefined) {
      const series = parseSeries(line);
      assert(
        current !== undefined && series.name.startsWith(family),
        `${line} stands below the head of ${family}`,
      );
      current.series.push(series);
    }
  }
  for (const [name, { series }] of families) {
    assert(series.length > 0, `${name} has no series`);
    const keys = series.map(({ name, labels }) =>
      JSON.stringify([name, Object.entries(labels).toSorted()])
    );
    assertEquals(new Set(keys).size, keys.length, `a series of ${name} twice`);
  }
  return families;
}

function parseSeries(line: string): Series {
  const [, name, text = "", value] = SERIES_REGEXP.exec(line) ?? [];
  assert(name !== undefined && value !== undefined, `no series: ${line}`);
  const labels: Record<string, string> = {};
  LABEL_REGEXP.lastIndex = 0;
  while (LABEL_REGEXP.lastIndex < text.length) {
    const [, label, escaped = ""] = LABEL_REGEXP.exec(text) ?? [];
    assert(label !== undefined, `no labels: ${line}`);
    assert(!(label in labels), `a label twice: ${line}`);
    labels[label] = escaped.replace(
      /\\(.)/g,
      (_, of) => of === "n" ? "\n" : of,
    );
  }
  const number = value === "+Inf" ? Infinity : Number(value);
  assert(!Number.isNaN(number), `no number: ${line}`);
  return { name, labels, value: number };
}
