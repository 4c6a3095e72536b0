/** The quotas, and what each allows one partner on each shard unless the operator sets another value. */
import { KEYS_MAX } from "../idempotency/key-table.ts";
import { PENDING_MAX } from "../ledger/transfers/pending.ts";

export const QUOTA_NAMES = ["idempotency_keys", "open_transfers", "bytes"] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];
export type Quotas = Readonly<Record<QuotaName, number>>;

/** Half of each table's bound, which is what a single partner can use anyway. Most heaps are smaller than `bytes`. */
export const DEFAULT_QUOTAS: Quotas = {
  idempotency_keys: KEYS_MAX / 2,
  open_transfers: PENDING_MAX / 2,
  bytes: 2 ** 31,
};
