/** Which quotas there are, and how much each allows a partner on each shard unless the operator says otherwise. */
import { KEYS_MAX } from "../idempotency/key-table.ts";
import { PENDING_MAX } from "../ledger/transfers/pending.ts";

export const QUOTA_NAMES = ["idempotency_keys", "open_transfers", "bytes"] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];
export type Quotas = Readonly<Record<QuotaName, number>>;

/** Of keys and transfers, no more than a partner that is alone could use anyway. Most heaps hold fewer bytes. */
export const DEFAULT_QUOTAS: Quotas = {
  idempotency_keys: KEYS_MAX / 2,
  open_transfers: PENDING_MAX / 2,
  bytes: 2 ** 31,
};
