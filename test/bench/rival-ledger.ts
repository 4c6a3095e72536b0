/** What a ledger that people build otherwise has to do, to be measured beside Daybook. */
import type { OwnerTransfer } from "./owner-transfers.ts";

/** `id` is null where transfers are not kept. */
export type Moved = Readonly<{ id: string | null; debitPosted: number; creditPosted: number }>;
export type Refused = Readonly<{ code: string }>;
export type Account = Readonly<{ id: string; posted: number }>;

export type RivalTotals = Readonly<{
  /** Sums of balances. */
  points: number;
  savings: number;
  /** The transfers on record; null where none are kept. */
  recorded: number | null;
}>;

export interface RivalLedger {
  /** Makes the tables or the like, and the accounts. */
  fill(accounts: readonly Account[]): Promise<void>;
  transfer(transfer: OwnerTransfer): Promise<Moved | Refused>;
  /** Index for index. Items are independent: one that is refused does not fail the others. */
  transferBatch(
    transfers: readonly OwnerTransfer[],
  ): Promise<readonly (Readonly<{ id: string | null }> | Refused)[]>;
  /** Tidies up what transfers leave behind, as a store does by itself sooner or later. */
  settle(): Promise<void>;
  totals(): Promise<RivalTotals>;
  close(): Promise<void>;
}

export type RivalKind = "postgres" | "postgres-pipelined" | "postgres-loop" | "postgres-each" | "redis-lua";
