/** Measured values with reference and goal. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** One per round. */
  readonly values: readonly number[];
  /** Measured in the same rounds. */
  readonly reference?: {
    readonly name: string;
    readonly values: readonly number[];
  };
  /** Limit of the value, or of its ratio to or difference from the reference. */
  readonly goal?: {
    readonly of: "value" | "ratio" | "difference";
    readonly limit: number;
    /** @default at most */
    readonly atLeast?: boolean;
  };
  /** Short description. */
  readonly note?: string;
}

export interface BenchOptions {
  readonly quick: boolean;
  /** Diagnostics. */
  say(text: string): void;
}

export interface Benchmark {
  readonly name: string;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

/** Returns the quantile at this share. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return sorted[at] ?? NaN;
}

/** Returns the number limited by the goal: the medians' value, ratio or difference. */
export function measureOf({ values, reference, goal }: Figure): number {
  const value = quantile(values, 0.5);
  const floor = quantile(reference?.values ?? [], 0.5);
  switch (goal?.of) {
    case "ratio":
      return value / floor;
    case "difference":
      return value - floor;
    default:
      return value;
  }
}

/** `undefined` without a goal. */
export function isMet(figure: Figure): boolean | undefined {
  const { goal } = figure;
  if (goal === undefined) return undefined;
  const value = measureOf(figure);
  if (Number.isNaN(value)) return undefined;
  return goal.atLeast ? value >= goal.limit : value <= goal.limit;
}

/** Renders a table: value with spread, reference, ratio, goal. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, unit, values, reference, note = "" } = figure;
    const floor = quantile(reference?.values ?? [], 0.5);
    return [
      name,
      `${spread(values)} ${unit}`,
      reference === undefined
        ? ""
        : `${reference.name} ${number(floor)} ${unit}`,
      reference === undefined
        ? ""
        : `${number(quantile(values, 0.5) / floor)} ×`,
      goalText(figure),
      note,
    ];
  });
  const head = ["figure", "median (min–max)", "reference", "ratio", "goal", ""];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0))
  );
  return [head, ...rows].map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}

function goalText(figure: Figure): string {
  const { goal, unit } = figure;
  if (goal === undefined) return "";
  const sign = goal.atLeast ? "≥" : "≤";
  const of = {
    value: `${sign} ${number(goal.limit)} ${unit}`,
    ratio: `${sign} ${number(goal.limit)} ×`,
    difference: `${sign} reference + ${number(goal.limit)} ${unit}`,
  }[goal.of];
  const met = isMet(figure);
  return met === undefined ? of : `${of}: ${met ? "met" : "MISSED"}`;
}

function spread(values: readonly number[]): string {
  const [least, middle, most] = [0, 0.5, 1].map((at) => quantile(values, at));
  return values.length < 2
    ? number(middle ?? NaN)
    : `${number(middle ?? NaN)} (${number(least ?? NaN)}–${
      number(most ?? NaN)
    })`;
}

/** Three significant digits. */
function number(value: number): string {
  if (Number.isNaN(value)) return "?";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
