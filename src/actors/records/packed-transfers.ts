import type { Transfer } from "./command.ts";
import type { CompoundTransfer } from "./compound-command.ts";

/** Part of an HTTP batch, packed for the shard that decides it. `places` are the zero-based indexes in the batch. */
export type PackedPiece = Readonly<{
  packed: Uint8Array;
  count: number;
  cost: number;
  places: readonly number[];
}>;

/** A batch of one partner's transfers. `byShard[n]` holds shard n's pieces in order; empty if it decides none. */
export type PackedTransfers = Readonly<{
  partner: string;
  count: number;
  byShard: readonly (readonly PackedPiece[])[];
}>;

/** Independent transfers of one partner; already packed if the batch-reader thread has parsed them. */
export type Transfers = readonly (Transfer | CompoundTransfer)[] | PackedTransfers;
