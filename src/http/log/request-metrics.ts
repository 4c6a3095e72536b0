/**
 * A histogram of request durations, by group of routes and status; the number of requests by method, route and status;
 * and the number of refusals by reason. Counted in plain
 * arrays: hashing the labels at each observation, as metric libraries do, costs more than everything else here.
 */
/** Upper bounds in milliseconds; the last bucket has none. */
export const BOUNDS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

type Series = { readonly counts: Float64Array; sumMs: number };

/** Counts of one group and status. `counts`: requests per bucket. */
type SeriesCounts = Readonly<{ group: string; status: number; counts: readonly number[]; sumMs: number }>;

type RouteCount = Readonly<{ method: string; route: string; status: number; requests: number }>;

type RefusalCount = Readonly<{ reason: string; count: number }>;

/** Plain data, to be sent between threads. */
export type RequestCounts = Readonly<{
  durations: readonly SeriesCounts[];
  routes: readonly RouteCount[];
  refusals: readonly RefusalCount[];
}>;

export const NO_REQUESTS: RequestCounts = { durations: [], routes: [], refusals: [] };

/** What is counted of a request. `route` is its pattern, as in the OpenAPI document. */
type Observed = Readonly<{ group: string; method: string; route: string }>;

export type RequestMetrics = Readonly<{
  observe(request: Observed, status: number, durationMs: number): void;
  /** Counts a request that was refused for a bound or for lack of resources, not by a rule of the ledger. */
  refused(reason: string): void;
  counts(): RequestCounts;
}>;

/** Adds up the counts of several gateways. */
export function sumRequestCounts(all: readonly RequestCounts[]): RequestCounts {
  return {
    durations: merged(
      all.flatMap(({ durations }) => durations),
      ({ group, status }) => `${group} ${status}`,
      (sum, each) => ({
        ...sum,
        counts: sum.counts.map((count, bucket) => count + (each.counts[bucket] ?? 0)),
        sumMs: sum.sumMs + each.sumMs,
      }),
    ),
    routes: merged(
      all.flatMap(({ routes }) => routes),
      ({ method, route, status }) => `${method} ${route} ${status}`,
      (sum, each) => ({ ...sum, requests: sum.requests + each.requests }),
    ),
    refusals: merged(
      all.flatMap(({ refusals }) => refusals),
      ({ reason }) => reason,
      (sum, each) => ({ reason: sum.reason, count: sum.count + each.count }),
    ),
  };
}

function merged<T>(
  all: readonly T[],
  nameOf: (each: T) => string,
  add: (sum: T, each: T) => T,
): readonly T[] {
  const sums = new Map<string, T>();
  for (const each of all) {
    const name = nameOf(each);
    const sum = sums.get(name);
    sums.set(name, sum === undefined ? each : add(sum, each));
  }
  return [...sums.values()];
}

/** The map under a key; an empty one is added. */
function within<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let found = maps.get(key);
  if (found === undefined) {
    found = new Map();
    maps.set(key, found);
  }
  return found;
}

export function createRequestMetrics(): RequestMetrics {
  const series = new Map<string, Map<number, Series>>();
  const refusals = new Map<string, number>();
  /** Numbers of requests by route, method and status. */
  const routes = new Map<string, Map<string, Map<number, number>>>();

  function countRoute(route: string, method: string, status: number): void {
    const statuses = within(within(routes, route), method);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }

  function seriesOf(group: string, status: number): Series {
    const statuses = within(series, group);
    let found = statuses.get(status);
    if (found === undefined) {
      found = { counts: new Float64Array(BOUNDS_MS.length + 1), sumMs: 0 };
      statuses.set(status, found);
    }
    return found;
  }

  return {
    observe({ group, method, route }, status, durationMs) {
      countRoute(route, method, status);
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
    counts: () => ({
      durations: [...series].flatMap(([group, statuses]) =>
        [...statuses].map(([status, { counts, sumMs }]) => ({ group, status, counts: [...counts], sumMs })),
      ),
      routes: [...routes].flatMap(([route, methods]) =>
        [...methods].flatMap(([method, statuses]) =>
          [...statuses].map(([status, requests]) => ({ method, route, status, requests })),
        ),
      ),
      refusals: Array.from(refusals, ([reason, count]) => ({ reason, count })),
    }),
  };
}
