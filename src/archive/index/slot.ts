/**
 * A slot names one of the places of a record that the index leads to: it is the record's index within its batch and, below
 * that, the place. Slots stand in the order of the log. 32 bits hold those of 16 million records, more than a batch has.
 */

/** Each of 64 postings moves two balances, and each of those may have to give back what was held. */
const PLACE_BITS = 8;
export const PLACES = 1 << PLACE_BITS;

/** Of a plain transfer's record: its debit, and its credit unless that is on another shard. */
export const DEBIT = 0;
export const CREDIT = 1;

/**
 * In the index of transfers: the record of a transfer's home, or that of a part on another shard. (In those of accounts,
 * places count what a record did to balances, in its own order: see `changesOf`.)
 */
export const AT_HOME = 0;
export const AWAY = 1;
/** In the same index, under the name that a record takes for ever (`claimOf`). */
export const CLAIM = 2;

/**
 * In those of accounts, behind what the record did to balances: from here on count the accounts in whose lists a transfer
 * begins with it (`listedBy`). 64 postings have at most 128 of them.
 */
export const BEGINNING = PLACES / 2;

export function slotOf(record: number, place: number): number {
  return record * PLACES + place;
}

export function recordOfSlot(slot: number): number {
  return slot >>> PLACE_BITS;
}

export function placeOfSlot(slot: number): number {
  return slot & (PLACES - 1);
}
