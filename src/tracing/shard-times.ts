/** When a shard did the work of a traced request. The gateway makes spans of it, so a shard needs no tracing library. */

/**
 * Times in ms of the machine's monotonic clock, which its threads and processes share. `append`: of the batch that the
 * reply waits for; absent if it waits for none. `records`: in that batch.
 */
export type ShardTimes = Readonly<{
  beganMs: number;
  decidedMs: number;
  append?: Readonly<{ beganMs: number; durableMs: number; records: number }>;
}>;

const NANOSECONDS_PER_MS = 1e6;

/** `performance.now()` has another origin in each thread. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / NANOSECONDS_PER_MS;
}
