import { getHeapStatistics } from "node:v8";
import type { Quotas } from "../../actors/quotas/default-quotas.ts";
import type { LogId, LogReplicas } from "../../wal/wal.ts";

export type Counted = readonly [name: string, count: number];

/** A shard's statistics. Counters start at 0 with each run of the shard. */
export type ShardStats = Readonly<{
  epoch: number;
  position: string;
  durable: LogId;
  durablePosition: string;
  /** Records in the log up to `durable`. */
  records: number;
  accounts: number;
  keys: number;
  /** Pending transfers whose home is this shard. */
  pending: number;
  /** Reservations on this shard for transfers of other shards. */
  reservations: number;
  mailboxDepth: number;
  /** Logged commands by kind: the name of a programme, or the operation. */
  commands: readonly Counted[];
  /** Commands refused by a rule of the ledger, by code. */
  rejections: readonly Counted[];
  replays: number;
  reads: number;
  /** Commands refused by each quota. */
  quotaExceeded: Quotas;
  /** Commands refused because the shard is short of memory. */
  heapRefusals: number;
  /** Bytes counted against the quotas of all partners. */
  keptBytes: number;
  /** Messages to other shards that are not acknowledged yet. */
  messagesInTransit: number;
  /** Log time of `durable`. */
  durableMs: number;
  /** Records that were decided and are not durable yet, and how long the oldest of them has waited. */
  undurable: number;
  undurableMs: number;
  /** See `LogStream.replicas`. */
  logReplicas: LogReplicas | undefined;
  /** Delay of the shard's event loop: the 99th percentile of the last ten seconds. */
  loopDelayMs: number;
  bytes: number;
  /** Number of batches in each bucket of `BATCH_BUCKETS`; the last bucket has no upper bound. */
  batchBuckets: readonly number[];
  /** Log time minus wall clock. */
  clockAheadMs: number;
  heapBytes: number;
  threadId: number;
  pid: number;
  /** Number of appends in each latency bucket of `APPEND_BUCKETS_S`; the last bucket has no upper bound. */
  appendBuckets: readonly number[];
  appendSeconds: number;
}>;

export const APPEND_BUCKETS_S = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
] as const;

/** Upper bounds of the number of records in a batch. */
export const BATCH_BUCKETS = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000] as const;

/** Does not use `process.memoryUsage()`, because that opens a file. */
export function usedHeapBytes(): number {
  return getHeapStatistics().used_heap_size;
}
