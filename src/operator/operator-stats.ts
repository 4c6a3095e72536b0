/** What is counted of the operator's answers and of the sales that wait for them. */

export const RESULTS = ["completed", "failed", "pending", "unknown"] as const;
type Result = (typeof RESULTS)[number];

/** Upper bounds of the histogram of answer times. */
export const ANSWER_BOUNDS_S = [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10] as const;

export type SaleCounts = { pending: number; unknown: number; oldestUnknownMs: number };

export type OperatorStats = Readonly<{
  /** Requests to the operator by result; `pending` also if it does not have the order. */
  answers: Readonly<Record<Result, number>>;
  /** Number of requests by time, not cumulated; the last is above all bounds. */
  buckets: readonly number[];
  seconds: number;
}> &
  Readonly<SaleCounts>;

/** Counters, all 0. */
export function newCounters() {
  const answers = { completed: 0, failed: 0, pending: 0, unknown: 0 };
  const buckets: number[] = Array.from({ length: ANSWER_BOUNDS_S.length + 1 }, () => 0);
  const stats = { answers, buckets, seconds: 0 };
  return {
    stats,
    count(result: Result, ms: number): void {
      answers[result] += 1;
      stats.seconds += ms / 1000;
      const place = ANSWER_BOUNDS_S.findIndex((bound) => ms <= bound * 1000);
      const bucket = place === -1 ? ANSWER_BOUNDS_S.length : place;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    },
  };
}
