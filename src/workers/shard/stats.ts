import { getHeapStatistics } from "node:v8";
import type { Quotas } from "../../actors/quotas/default-quotas.ts";
import type { LogId } from "../../wal/wal.ts";

/** What a shard counts while it runs. */
export type ShardStats = Readonly<{
  epoch: number;
  position: string;
  durable: LogId;
  durablePosition: string;
  /** In the log up to `durable`. */
  records: number;
  accounts: number;
  keys: number;
  /** Pending transfers that are open here. */
  pending: number;
  /** What is kept here for transfers of other shards. */
  reservations: number;
  mailboxDepth: number;
  commands: number;
  rejections: number;
  replays: number;
  reads: number;
  /** Commands that a partner's quota has refused, by quota. */
  quotaExceeded: Quotas;
  /** Commands that were refused for want of memory. */
  heapRefusals: number;
  /** What all partners keep in memory, as it is counted against their quotas. */
  keptBytes: number;
  batches: number;
  bytes: number;
  /** How far log time is ahead of the wall clock; negative while it is behind. */
  clockAheadMs: number;
  heapBytes: number;
  threadId: number;
  pid: number;
  /** Seconds that appends took: count per bucket of `APPEND_BUCKETS_S`, the last one without bound. */
  appendBuckets: readonly number[];
  appendSeconds: number;
}>;

export const APPEND_BUCKETS_S = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
] as const;

/** Not from `process.memoryUsage()`, which opens a file. */
export function usedHeapBytes(): number {
  return getHeapStatistics().used_heap_size;
}
