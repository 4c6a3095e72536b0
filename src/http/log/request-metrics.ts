/**
 * A histogram of request durations, by group of routes and status, and the number of refusals by reason. Counted in plain
 * arrays: hashing the labels at each observation, as metric libraries do, costs more than everything else here.
 */
/** Upper bounds in milliseconds; the last bucket has none. */
export const BOUNDS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

type Series = { readonly counts: Float64Array; sumMs: number };

/** Counts of one group and status. `counts`: requests per bucket. */
type SeriesCounts = Readonly<{ group: string; status: number; counts: readonly number[]; sumMs: number }>;

type RefusalCount = Readonly<{ reason: string; count: number }>;

/** Plain data, to be sent between threads. */
export type RequestCounts = readonly (SeriesCounts | RefusalCount)[];

export type RequestMetrics = Readonly<{
  observe(group: string, status: number, durationMs: number): void;
  /** Counts a request that was refused for a bound or for lack of resources, not by a rule of the ledger. */
  refused(reason: string): void;
  counts(): RequestCounts;
}>;

/** Adds up the counts of several gateways. */
export function sumRequestCounts(all: readonly RequestCounts[]): RequestCounts {
  const sums = new Map<string, SeriesCounts>();
  const refusals = new Map<string, number>();
  for (const each of all.flat()) {
    if ("reason" in each) {
      refusals.set(each.reason, (refusals.get(each.reason) ?? 0) + each.count);
      continue;
    }
    const name = `${each.group} ${each.status}`;
    const sum = sums.get(name);
    if (sum === undefined) sums.set(name, each);
    else {
      const counts = sum.counts.map((count, bucket) => count + (each.counts[bucket] ?? 0));
      sums.set(name, { ...sum, counts, sumMs: sum.sumMs + each.sumMs });
    }
  }
  return [...sums.values(), ...Array.from(refusals, ([reason, count]) => ({ reason, count }))];
}

export function createRequestMetrics(): RequestMetrics {
  const series = new Map<string, Map<number, Series>>();
  const refusals = new Map<string, number>();
  function seriesOf(group: string, status: number): Series {
    let statuses = series.get(group);
    if (statuses === undefined) {
      statuses = new Map();
      series.set(group, statuses);
    }
    let found = statuses.get(status);
    if (found === undefined) {
      found = { counts: new Float64Array(BOUNDS_MS.length + 1), sumMs: 0 };
      statuses.set(status, found);
    }
    return found;
  }

  return {
    observe(group, status, durationMs) {
      const found = seriesOf(group, status);
      const { counts } = found;
      let bucket = 0;
      while (bucket < BOUNDS_MS.length && durationMs > (BOUNDS_MS[bucket] ?? 0)) bucket += 1;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      found.sumMs += durationMs;
    },
    refused(reason) {
      refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    },
    counts: () => [
      ...[...series].flatMap(([group, statuses]) =>
        [...statuses].map(([status, { counts, sumMs }]) => ({ group, status, counts: [...counts], sumMs })),
      ),
      ...Array.from(refusals, ([reason, count]) => ({ reason, count })),
    ],
  };
}
