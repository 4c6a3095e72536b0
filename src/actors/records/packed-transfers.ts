import type { Transfer } from "./command.ts";
import type { CompoundTransfer } from "./compound-command.ts";
import type { ScannedTransfers } from "./scanned-transfers.ts";

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

/** Transfers that were read from a request, in order. */
export type ReadTransfers = readonly (Transfer | CompoundTransfer)[] | ScannedTransfers;

/** Independent transfers of one partner; already packed if the batch-reader thread has read them. */
export type Transfers = ReadTransfers | PackedTransfers;
