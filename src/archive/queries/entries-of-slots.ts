/** What the index entry of an account refers to within its record. */
import type { LogRecord } from "../../actors/records/command.ts";
import { type Change, changesOf, isWhole, transferOf } from "../../actors/records/record-views.ts";
import { detailsOf } from "../../actors/records/transfer-details.ts";
import { assert } from "../../errors/assert.ts";
import { ordinalOfSlot } from "../index/slot.ts";
import type { ArchivedRecord, Entry } from "./query.ts";

/** The change of a slot. It may belong to another account, since the index holds only hashes. */
export function changeAt(record: LogRecord, slot: number): Change | undefined {
  return changesOf(record)[ordinalOfSlot(slot)];
}

/** The change of a slot, which must have an amount, as an entry of its account. */
export function entryOf(archived: ArchivedRecord, slot: number): Entry {
  const { at, timeMs, record } = archived;
  const change = changeAt(record, slot);
  const transfer = transferOf(record, timeMs);
  assert(change !== undefined && transfer !== undefined, "the index has only slots of changes");
  assert(isWhole(transfer), "only records of expiry are not whole, and they move no money");
  const { amount, posted, posting, seq } = change;
  const { id, postings, act } = transfer;
  const { debit = "", credit = "" } = postings[posting] ?? {};
  return {
    at,
    timeMs,
    seq,
    transferId: id,
    amount,
    balanceAfter: posted,
    counterparty: amount < 0 ? credit : debit,
    ...detailsOf(transfer),
    ...(act !== undefined && { act }),
  };
}
