/** Exact percentiles, without buckets. */

export type Latencies = Readonly<{ p50: number; p90: number; p99: number; p99_9: number; max: number }>;

/** Sorts in place. @throws RangeError if there are no values. */
export function latenciesOf(values: Float64Array): Latencies {
  if (values.length === 0) throw new RangeError("no values have no percentiles");
  values.sort();
  const at = (share: number) => values[Math.ceil(share * values.length) - 1] as number;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max: at(1) };
}
