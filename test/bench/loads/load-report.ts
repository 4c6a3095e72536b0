/** Parses the output of a load generator. */

export type LoadReport = Readonly<{
  requests: number;
  seconds: number;
  /** Answers with a status of 400 or above, and requests without an answer. */
  failures: number;
  p50Ms: number;
  p99Ms: number;
}>;

/** The line that the script's `done` prints; wrk's own output is rounded. */
export function parseWrk(output: string): LoadReport {
  const line = output.split("\n").find((each) => each.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`wrk gave no summary:\n${output.slice(-1000)}`);
  const summary = JSON.parse(line) as Record<string, number>;
  return {
    requests: field(summary, "requests"),
    seconds: field(summary, "duration_us") / 1e6,
    failures: ["status", "connect", "read", "write", "timeout"].reduce(
      (sum, name) => sum + field(summary, name),
      0,
    ),
    p50Ms: field(summary, "p50_us") / 1000,
    p99Ms: field(summary, "p99_us") / 1000,
  };
}

/** The result object of autocannon, as JSON. */
export function parseAutocannon(output: string): LoadReport {
  const result = JSON.parse(output) as Record<string, unknown>;
  const requests = result["requests"] as Record<string, number>;
  const latency = result["latency"] as Record<string, number>;
  const numbers = result as Record<string, number>;
  return {
    requests: field(requests, "total"),
    seconds: field(numbers, "duration"),
    failures: field(numbers, "non2xx") + field(numbers, "errors"),
    p50Ms: field(latency, "p50"),
    p99Ms: field(latency, "p99"),
  };
}

/** @throws Error instead of reporting zeros. */
function field(values: Record<string, number>, name: string): number {
  const value = values[name];
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new Error(`the load generator's report has no ${name}`);
  }
  return value;
}

export function perSecond({ requests, seconds }: LoadReport): number {
  return requests / seconds;
}
