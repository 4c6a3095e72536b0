/** Plain transfers of one partner as byte ranges of the request that holds them, so that packing copies their bytes. */

/** Numbers per transfer in `ranges`. */
export const RANGES = 6;

/**
 * Transfers without keys, metadata and times. `ranges` has for each transfer the first byte and the byte after the last of
 * its debit account, its credit account and its memo; 0 and 0 without a memo. Accounts are valid ids, memos valid UTF-8.
 */
export type ScannedTransfers = Readonly<{
  partner: string;
  source: Uint8Array;
  count: number;
  ranges: Uint32Array;
  amounts: Float64Array;
}>;
