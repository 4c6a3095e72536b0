/** What the index entry of an account refers to within its record. */
import type { LogRecord } from "../../actors/records/command.ts";
import type { TransferView } from "../../actors/records/compound-command.ts";
import { type Change, changesOf, transferOf } from "../../actors/records/record-views.ts";
import { ordinalOfSlot } from "../index/slot.ts";
import type { ArchivedRecord, Entry } from "./query.ts";

/** The change of a slot. It may belong to another account, since the index holds only hashes. */
export function changeAt(record: LogRecord, slot: number): Change | undefined {
  return changesOf(record)[ordinalOfSlot(slot)];
}

/** The change of a slot, which must have an amount, as an entry of its account. */
export function entryOf(archived: ArchivedRecord, slot: number): Entry {
  const { at, timeMs, record } = archived;
  const { amount, posted, posting, seq } = changeAt(record, slot) as Change;
  // Complete: only expiry records are not, and they move no money.
  const { id, postings, memo, metadata, occurredAtMs, act } = transferOf(record, timeMs) as TransferView;
  const { debit = "", credit = "" } = postings[posting] ?? {};
  return {
    at,
    timeMs,
    seq,
    transferId: id,
    amount,
    balanceAfter: posted,
    counterparty: amount < 0 ? credit : debit,
    memo,
    metadata,
    occurredAtMs,
    ...(act !== undefined && { act }),
  };
}
