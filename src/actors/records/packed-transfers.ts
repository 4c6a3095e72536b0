import type { Transfer } from "./command.ts";
import type { CompoundTransfer } from "./compound-command.ts";

/** A part of a batch, packed for the shard that decides it; with the places of its items in the batch. */
export type PackedPiece = Readonly<{
  packed: Uint8Array;
  count: number;
  cost: number;
  places: readonly number[];
}>;

/** Of one partner: the pieces of each shard, in order; a shard that decides none of them has none. */
export type PackedTransfers = Readonly<{
  partner: string;
  count: number;
  byShard: readonly (readonly PackedPiece[])[];
}>;

/** Independent transfers of one partner; packed where another thread has read them. */
export type Transfers = readonly (Transfer | CompoundTransfer)[] | PackedTransfers;
