/**
 * The rows that the statistics keep of a log batch. They hold ids, amounts and types, but no texts that people wrote
 * (memos, metadata, e-mails, phones). Each row has the position of its record, so that writing it twice changes
 * nothing. Times are log times in ms since 1970 UTC, amounts minor units.
 */
import { eventsOf } from "../actors/events/events-of.ts";
import { phoneAccount } from "../actors/programmes/topup/acts.ts";
import { readRecords } from "../actors/records/codec.ts";
import type { LogRecord } from "../actors/records/command.ts";
import type { LedgerEvent } from "../actors/records/event.ts";
import { changesOf, isHomeRecord, transferOf, versionOf } from "../actors/records/record-views.ts";
import { type SeriesName, seriesChangesOf } from "../actors/statistics/series.ts";
import type { ArchivedBatch } from "./archive-reader.ts";

/** `record`: index in the batch. `part`: index among the record's rows of the same table. */
export type Position = Readonly<{ shard: number; epoch: number; seq: number; record: number; part: number }>;

/** The newest state of an account, without its balance. */
export type AccountRow = Readonly<{
  partner: string;
  account: string;
  asset: string;
  status: string;
  at: number;
}> &
  Position;

/** `balance`: posted balance after the entry. */
export type EntryRow = Readonly<{
  partner: string;
  account: string;
  at: number;
  amount: number;
  balance: number;
  transfer: string;
}> &
  Position;

/** The state of a transfer after a change. `debit` and `credit`: of its first posting. `act`: empty, or what it was for. */
export type TransferRow = Readonly<{
  partner: string;
  transfer: string;
  at: number;
  status: string;
  amount: number;
  postings: number;
  debit: string;
  credit: string;
  act: string;
}> &
  Position;

export type EventRow = Readonly<{ partner: string; at: number; type: string; subject: string }> & Position;

/** A change of a series of a partner. */
export type Change = readonly [partner: string, series: SeriesName, change: number];

export type Rows = Readonly<{
  accounts: AccountRow[];
  entries: EntryRow[];
  transfers: TransferRow[];
  events: EventRow[];
}>;

export function noRows(): Rows {
  return { accounts: [], entries: [], transfers: [], events: [] };
}

const PHONE = phoneAccount("");

/** Adds the rows of a batch. @returns the changes of series. @throws PackError, TypeError the batch is malformed. */
export function addRows(rows: Rows, batch: ArchivedBatch): readonly Change[] {
  const changes: Change[] = [];
  let index = 0;
  readRecords(batch.body, (command, outcome) => {
    const record = { command, outcome };
    const { partner } = command;
    const at = batch.timeMs;
    const { shard, id } = batch;
    const number = index++;
    const positionOf = (part: number) => ({ shard, ...id, record: number, part });
    const events = eventsOf(record, at);
    for (const [part, event] of events.entries())
      rows.events.push(eventRow(partner, at, event, positionOf(part)));
    if (!outcome.ok) return;
    addLedgerRows(rows, record, at, positionOf);
    for (const [series, change] of seriesChangesOf(record, events, at))
      changes.push([partner, series, change]);
  });
  return changes;
}

function eventRow(partner: string, at: number, { type, subject }: LedgerEvent, position: Position): EventRow {
  return { partner, at, type, subject, ...position };
}

function addLedgerRows(
  rows: Rows,
  record: LogRecord,
  at: number,
  positionOf: (part: number) => Position,
): void {
  const { partner } = record.command;
  const version = versionOf(record);
  if (version !== undefined) {
    const { id: account, asset, status } = version;
    rows.accounts.push({ partner, account, asset, status, at, ...positionOf(0) });
  }
  const transfer = transferOf(record, at);
  if (transfer === undefined) return;
  const { id, status, postedAmount, postings } = transfer;
  for (const [part, { account, amount, posted: balance }] of changesOf(record).entries())
    if (amount !== 0)
      rows.entries.push({
        partner,
        account: withoutPhone(account),
        at,
        amount,
        balance,
        transfer: id,
        ...positionOf(part),
      });
  if (!isHomeRecord(record)) return;
  const [first] = postings;
  const act = "act" in record.command ? record.command.act : undefined;
  rows.transfers.push({
    partner,
    transfer: id,
    at,
    status,
    amount: postedAmount,
    postings: postings.length,
    debit: withoutPhone(first?.debit ?? ""),
    credit: withoutPhone(first?.credit ?? ""),
    act: act === undefined ? "" : `${act.programme}.${act.act}`,
    ...positionOf(0),
  });
}

/** The sales to all phones count for one account, because a phone number is personal data. */
function withoutPhone(account: string): string {
  return account.startsWith(PHONE) ? PHONE.slice(0, -1) : account;
}
