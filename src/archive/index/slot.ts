/**
 * A slot identifies an index entry within its batch: the record's index, times 256, plus an ordinal within the record.
 * Slots are in log order. 32 bits suffice for 16 million records, more than a batch can have.
 */

/** 64 postings change two balances each, and each of those may also release a hold: 256 ordinals. */
const ORDINAL_BITS = 8;
export const SLOTS_PER_RECORD = 1 << ORDINAL_BITS;

/** Account index, plain transfer: its debit, and its credit if that is on the same shard. */
export const DEBIT = 0;
export const CREDIT = 1;

/**
 * Transfer index: a record of the transfer's home shard, or of its part on another shard. (In the account index,
 * ordinals count the balance changes of a record: see `changesOf`.)
 */
export const HOME_RECORD = 0;
export const REMOTE_PART = 1;
/** Transfer index: a record that permanently claims the name under which it is indexed (`claimOf`). */
export const CLAIM = 2;

/**
 * Account index: from here on, ordinals count the accounts in whose lists the record creates a transfer (`listedBy`).
 * 64 postings have at most 128 accounts.
 */
export const CREATED_TRANSFER = SLOTS_PER_RECORD / 2;

export function slotOf(record: number, ordinal: number): number {
  return record * SLOTS_PER_RECORD + ordinal;
}

export function recordOfSlot(slot: number): number {
  return slot >>> ORDINAL_BITS;
}

export function ordinalOfSlot(slot: number): number {
  return slot & (SLOTS_PER_RECORD - 1);
}
