/** What a record of the log says of the accounts whose money it moved. */
import type {
  Credit,
  Credited,
  LogRecord,
  Transfer,
  TransferPosted,
  TransferSent,
} from "../actors/command.ts";
import { CREDIT_SIDE } from "./batch-indexer.ts";
import type { ArchivedRecord, Entry } from "./query.ts";

/** A transfer as its home has it: whole, or its debit alone when the credit went to another shard. */
export type TransferRecord = Readonly<{ command: Transfer; outcome: TransferPosted | TransferSent }>;

/** The second half of a transfer across shards, in the log of the credit account. */
type CreditRecord = Readonly<{ command: Credit; outcome: Credited }>;

type PostingRecord = TransferRecord | CreditRecord;

export function isAcceptedTransfer(record: LogRecord): record is TransferRecord {
  return record.command.op === "transfer" && record.outcome.ok;
}

/** The transfer that a record is a part of; `undefined` when it moved nothing. */
export function transferIdOf(record: LogRecord): string | undefined {
  return isPosting(record) ? idOf(record) : undefined;
}

/** Whether this side of the record is the account's: what the index leads to may be another one with the same hash. */
export function concerns(
  { record }: ArchivedRecord,
  { partner, account }: Readonly<{ partner: string; account: string }>,
  slot: number,
): boolean {
  if (!isPosting(record) || record.command.partner !== partner) return false;
  const { debit, credit } = record.command;
  return (isCredited(slot) ? credit : debit) === account;
}

/** The side of a record that the index has under `slot`, as its account sees it. */
export function entryOf({ at, timeMs, record }: ArchivedRecord, slot: number): Entry {
  const posting = record as PostingRecord;
  const { debit, credit, amount, memo, metadata } = posting.command;
  const credited = isCredited(slot);
  return {
    at,
    timeMs,
    ...balanceOf(posting.outcome, credited),
    transferId: idOf(posting),
    amount: credited ? amount : -amount,
    counterparty: credited ? debit : credit,
    memo,
    metadata,
  };
}

function isCredited(slot: number): boolean {
  return (slot & 1) === CREDIT_SIDE;
}

function isPosting(record: LogRecord): record is PostingRecord {
  const { command, outcome } = record;
  return (command.op === "transfer" || command.op === "credit") && outcome.ok;
}

function idOf({ command, outcome }: PostingRecord): string {
  return command.op === "credit" ? command.id : (outcome as TransferRecord["outcome"]).id;
}

function balanceOf(
  outcome: PostingRecord["outcome"],
  credited: boolean,
): Readonly<{ seq: number; balanceAfter: number }> {
  if ("posted" in outcome) return { seq: outcome.seq, balanceAfter: outcome.posted };
  if (credited && "creditSeq" in outcome)
    return { seq: outcome.creditSeq, balanceAfter: outcome.creditPosted };
  return { seq: outcome.debitSeq, balanceAfter: outcome.debitPosted };
}
