/**
 * How many requests (the histogram's `_count`) and how long, by group of routes and status. Counted in plain arrays:
 * prom-client hashes the labels at every observation, which costs more than all the rest of it.
 */
/** Upper bounds in milliseconds; the last bucket has none. */
const BOUNDS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

type Series = { readonly counts: Float64Array; sumMs: number };

export type RequestMetrics = Readonly<{
  observe(group: string, status: number, durationMs: number): void;
  /** Prometheus text. */
  text(): string;
}>;

const DURATION = "daybook_http_request_duration_seconds";

function histogramText(series: ReadonlyMap<string, ReadonlyMap<number, Series>>): string {
  const lines = [
    `# HELP ${DURATION} Time from a request's head to its answer.`,
    `# TYPE ${DURATION} histogram`,
  ];
  for (const [group, statuses] of series) {
    for (const [status, { counts, sumMs }] of statuses) {
      const labels = `group="${group}",status="${status}"`;
      let count = 0;
      for (let i = 0; i <= BOUNDS_MS.length; i++) {
        const boundMs = BOUNDS_MS[i];
        count += counts[i] ?? 0;
        const bound = boundMs === undefined ? "+Inf" : boundMs / 1000;
        lines.push(`${DURATION}_bucket{${labels},le="${bound}"} ${count}`);
      }
      lines.push(`${DURATION}_sum{${labels}} ${sumMs / 1000}`, `${DURATION}_count{${labels}} ${count}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

export function createRequestMetrics(): RequestMetrics {
  const series = new Map<string, Map<number, Series>>();
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
    text: () => histogramText(series),
  };
}
