import type { Percentiles } from "../model/usage.ts";

/**
 * Returns percentiles of `values`, which it sorts, interpolated linearly and
 * truncated to integers; `undefined` if empty.
 *
 * @param means values for the mean, if different
 * @param maxima values for the maximum, if different
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

function percentile(sorted: Float64Array, part: number): number {
  const rank = part * (sorted.length + 1);
  const whole = Math.trunc(rank);
  const below = sorted[whole - 1] ?? NaN;
  if (whole <= 1 || whole >= sorted.length) return below;
  return below + (rank - whole) * ((sorted[whole] ?? NaN) - below);
}
