/** The interface of a ledger to compare Daybook with. */
import type { OwnerTransfer } from "./owner-transfers.ts";

/** `id` is null if transfers are not stored. */
export type Moved = Readonly<{ id: string | null; debitPosted: number; creditPosted: number }>;
export type Refused = Readonly<{ code: string }>;
export type Account = Readonly<{ id: string; posted: number }>;

export type RivalTotals = Readonly<{
  /** Sums of balances. */
  points: number;
  savings: number;
  /** The number of stored transfers; null if they are not stored. */
  recorded: number | null;
}>;

export interface RivalLedger {
  /** Creates its tables and accounts. */
  fill(accounts: readonly Account[]): Promise<void>;
  transfer(transfer: OwnerTransfer): Promise<Moved | Refused>;
  /** Results by index. Items are independent: a rejected one does not fail the others. */
  transferBatch(
    transfers: readonly OwnerTransfer[],
  ): Promise<readonly (Readonly<{ id: string | null }> | Refused)[]>;
  /** Cleans up after transfers, as a store does by itself sooner or later. */
  settle(): Promise<void>;
  totals(): Promise<RivalTotals>;
  close(): Promise<void>;
}

export type RivalKind = "postgres" | "postgres-pipelined" | "postgres-loop" | "postgres-each" | "redis-lua";
