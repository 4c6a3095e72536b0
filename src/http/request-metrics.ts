/** How many requests, how long, by group of routes and status. */
import { Histogram, Registry } from "prom-client";

const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type RequestMetrics = Readonly<{
  observe(group: string, status: number, durationMs: number): void;
  /** Prometheus text. */
  text(): Promise<string>;
}>;

/** The histogram's `_count` is the number of requests, so there is no second counter to feed. */
export function createRequestMetrics(): RequestMetrics {
  const registry = new Registry();
  const durations = new Histogram({
    name: "daybook_http_request_duration_seconds",
    help: "Time from a request's head to its answer.",
    labelNames: ["group", "status"],
    buckets: BUCKETS_S,
    registers: [registry],
  });
  const bound = new Map<string, Map<number, (seconds: number) => void>>();

  function observerOf(group: string, status: number): (seconds: number) => void {
    let statuses = bound.get(group);
    if (statuses === undefined) bound.set(group, (statuses = new Map()));
    let observe = statuses.get(status);
    if (observe === undefined) {
      const child = durations.labels(group, String(status));
      observe = (seconds) => child.observe(seconds);
      statuses.set(status, observe);
    }
    return observe;
  }

  return {
    observe: (group, status, durationMs) => observerOf(group, status)(durationMs / 1000),
    text: () => registry.metrics(),
  };
}
