import type { Percentiles } from "../model/usage.ts";

/**
 * Percentiles of numbers, which are put in order; undefined of none. Where a
 * percentile falls between two numbers it is between them in proportion; all
 * is cut to whole numbers.
 *
 * @param means what the mean is made of, where it is not the same numbers
 * @param maxima what the greatest is looked for in, likewise
 */
export function percentilesOf(
  values: Float64Array,
  means: Float64Array = values,
  maxima: Float64Array = values,
): Percentiles | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = meanOf(values);
  values.sort();
  return {
    mean: Math.trunc(means === values ? mean : meanOf(means)),
    std: Math.trunc(deviation(values, mean)),
    max: Math.trunc(maxima.reduce((a, b) => Math.max(a, b))),
    fifty: Math.trunc(percentile(values, 0.5)),
    ninety: Math.trunc(percentile(values, 0.9)),
    ninetyfive: Math.trunc(percentile(values, 0.95)),
    count,
  };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: Float64Array, mean: number): number {
  if (values.length < 2) return 0;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Of numbers in ascending order. */
function percentile(sorted: Float64Array, part: number): number {
  const rank = part * (sorted.length + 1);
  const whole = Math.trunc(rank);
  const below = sorted[whole - 1] ?? NaN;
  if (whole <= 1 || whole >= sorted.length) return below;
  return below + (rank - whole) * ((sorted[whole] ?? NaN) - below);
}
