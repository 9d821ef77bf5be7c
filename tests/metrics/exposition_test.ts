import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { expositionText, section } from "../../lib/metrics/exposition.ts";
import { ExpositionCache } from "../../lib/metrics/exposition_cache.ts";
import {
  counter,
  type Emit,
  type Family,
  gauge,
} from "../../lib/metrics/family.ts";
import type { ExpositionFormat } from "../../lib/model/scrape.ts";
import { SeededRandom } from "../_support/random.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";

interface Box {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

const NUMBERS = gauge<Box>("box", "Numbers.", ({ values }, emit) => {
  for (const [index, value] of values.entries()) emit(value, `at="${index}"`);
});

function textOf(
  families: readonly Family<Box>[],
  subjects: readonly Box[],
  options: {
    format?: ExpositionFormat;
    names?: readonly string[];
    onError?: (error: unknown) => void;
    cache?: ExpositionCache<Box>;
  } = {},
): string {
  const { format = "prometheus", names = [], onError = () => {} } = options;
  const { cache = new ExpositionCache<Box>() } = options;
  const labelsOf = ({ name }: Box) => name && `name="${name}"`;
  const isUnchanged = (before: Box, now: Box) => before === now;
  const sections = [
    section({ families, subjects, labelsOf, cache, isUnchanged }),
  ];
  return decodeChunks(
    expositionText(sections, { format, names: new Set(names), onError }),
  );
}

Deno.test("expositionText() writes every number so that it parses as the same", () => {
  const values = [
    0,
    -1,
    1.5,
    1e-9,
    123456789.123456789,
    2 ** 53 + 2,
    2 ** 63,
    18_446_744_073_709_551_615,
    1e21,
    Infinity,
  ];
  const { series = [] } =
    parseExposition(textOf([NUMBERS], [{ name: "a", values }])).get("box") ??
      {};
  assertEquals(series.map(({ value }) => value), values);
  assertEquals(
    textOf([NUMBERS], [{ name: "a", values: [2 ** 63] }]).split(" ").at(-1),
    "9223372036854776000\n",
  );
});

/** Emits the values of a subject. */
function emitValues(
  values: Family<Box>["values"],
  subject: Box,
  emit: Emit,
): void {
  if (typeof values === "function") values(subject, emit);
  else if (values.has(subject)) values.each(subject, emit);
}

/** Reference implementation with strings: slower but simple. */
function plainText(
  families: readonly Family<Box>[],
  subjects: readonly Box[],
): string {
  let text = "";
  for (const { name, help, type, values } of families) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const subject of subjects) {
      emitValues(values, subject, (value, own = "", suffix = "") => {
        if (value === undefined) return;
        const labels = [subject.name && `name="${subject.name}"`, own]
          .filter((part) => part !== "").join(",");
        const number = value === Infinity ? "+Inf" : `${value}`;
        text += `${name}${suffix}${labels && `{${labels}}`} ${number}\n`;
      });
    }
  }
  return text;
}

Deno.test("expositionText() writes what a reference implementation writes", () => {
  const random = new SeededRandom(3);
  const of = (name: string) =>
    gauge<Box>(name, "Mixed.", ({ values }, emit) => {
      emit(values[0]);
      emit(values[1], 'cpu="ä"');
      emit(values[2], 'le="1"', "_bucket");
    });
  const subjects = Array.from({ length: 500 }, (_, at): Box => ({
    name: at % 9 === 0 ? "" : `/容器/${at}`.padEnd(random.below(200), "x"),
    values: [random.below(2 ** 20), random.next() * 2 ** 60, random.next()],
  }));
  const families = [of("a_total"), of("b")];
  assertEquals(textOf(families, subjects), plainText(families, subjects));
});

Deno.test("expositionText() with a cache writes what a reference implementation writes, after any change", () => {
  const random = new SeededRandom(5);
  let scrape = 0;
  const of = (name: string) =>
    gauge<Box>(name, "Mixed.", ({ values }, emit) => {
      emit(values[0]);
      for (const [at, value] of values.slice(1).entries()) {
        emit(value, `at="${at}"`, at === 2 ? "_sum" : "");
      }
    });
  const families = [
    of("a_total"),
    of("b"),
    gauge<Box>("one", "One.", ({ values: [first] }, emit) => emit(first)),
    gauge<Box>("some", "Some.", {
      has: ({ name, values }) => name.endsWith("7") && values.length > 2,
      each: ({ values }, emit) => emit(values[2], 'of="some"'),
    }),
    of("ü"),
    {
      ...gauge<Box>(
        "scrape",
        "How many there were.",
        (_, emit) => emit(scrape),
      ),
      isVolatile: true,
    },
  ];
  const value = () =>
    random.chance(0.1)
      ? undefined
      : random.chance(0.5)
      ? random.below(2 ** 20)
      : random.next();
  const values = () => Array.from({ length: random.below(6) }, value);
  let made = 0;
  const box = (): Box => ({ name: `/容/${made++}`, values: values() });
  let boxes = Array.from({ length: 700 }, box);
  const cache = new ExpositionCache<Box>();
  const formats = ["prometheus", "openmetrics"] as const;
  for (; scrape < 40; scrape++) {
    assertEquals(
      textOf(families, boxes, { cache }),
      plainText(families, boxes),
    );
    if (random.chance(0.3)) {
      // Neither uses the cache of the others.
      const options = { format: random.pick(formats), names: ["b"], cache };
      textOf(families, boxes, options);
      [...expositionText([
        section({ families, subjects: boxes, labelsOf: () => "", cache }),
      ], { format: "prometheus", names: new Set(), onError: () => {} })][
        Symbol.iterator
      ]().next();
    }
    const changes = random.pick([0, 0.01, 0.3, 1]);
    boxes = boxes.flatMap((known) => {
      if (!random.chance(changes)) return [known];
      switch (random.below(5)) {
        case 0:
          return [];
        case 1:
          return [known, box()];
        case 2:
          return [{ ...known, values: values() }];
        default:
          return [{
            ...known,
            values: known.values.map((number) =>
              random.chance(0.5) ? number : value()
            ),
          }];
      }
    });
    if (random.chance(0.1)) boxes = random.shuffle(boxes);
  }
});

Deno.test("expositionText() omits undefined values, and families without values", () => {
  assertEquals(
    textOf([NUMBERS], [{ name: "a", values: [undefined, NaN] }]),
    "",
  );
  assertEquals(
    textOf([NUMBERS], [{ name: "", values: [NaN, 1] }]),
    '# HELP box Numbers.\n# TYPE box gauge\nbox{at="1"} 1\n',
  );
});

Deno.test("expositionText() writes one family after another with all subjects, and only requested ones", () => {
  const of = (name: string) =>
    counter<Box>(name, "One.", ({ values }, emit) => emit(values[0]));
  const boxes = [{ name: "a", values: [1] }, { name: "b", values: [2] }];
  assertEquals(
    textOf([of("x_total"), of("y_total")], boxes),
    '# HELP x_total One.\n# TYPE x_total counter\nx_total{name="a"} 1\nx_total{name="b"} 2\n' +
      '# HELP y_total One.\n# TYPE y_total counter\ny_total{name="a"} 1\ny_total{name="b"} 2\n',
  );
  const some = textOf([of("x_total"), of("y_total")], boxes, {
    names: ["y_total"],
  });
  assertEquals([...parseExposition(some).keys()], ["y_total"]);
});

Deno.test("expositionText() in OpenMetrics names counters without _total, and ends with EOF", () => {
  const families = ["x_total", "failcnt"].map((name) =>
    counter<Box>(name, "One.", (_, emit) => emit(1))
  );
  assertEquals(
    textOf(families, [{ name: "", values: [] }], { format: "openmetrics" }),
    "# HELP x One.\n# TYPE x counter\nx_total 1\n" +
      "# HELP failcnt One.\n# TYPE failcnt unknown\nfailcnt 1\n# EOF\n",
  );
});

Deno.test("expositionText() writes the other subjects if one fails", () => {
  const errors: unknown[] = [];
  const broken = gauge<Box>("x", "One.", ({ name }, emit) => {
    if (name === "b") throw new TypeError("broken");
    emit(1);
  });
  const text = textOf(
    [broken],
    ["a", "b", "c"].map((name) => ({ name, values: [] })),
    { onError: (error) => errors.push(error) },
  );
  assertEquals(parseExposition(text).get("x")?.series.length, 2);
  assertStringIncludes(`${errors}`, "broken");
});

Deno.test("expositionText() writes long texts in chunks", () => {
  const subjects = Array.from({ length: 5_000 }, (_, at) => ({
    name: `${at}`.padStart(100, "x"),
    values: [at],
  }));
  const chunks = [...expositionText(
    [section<Box>({
      families: [NUMBERS],
      subjects,
      labelsOf: ({ name }) => `name="${name}"`,
    })],
    { format: "prometheus", names: new Set(), onError: () => {} },
  )];
  assertEquals(chunks.every(({ length }) => length < 280_000), true);
  assert(chunks.length > 1);
  assertEquals(
    parseExposition(decodeChunks(chunks)).get("box")?.series.length,
    5_000,
  );
});
