/** Events of transfers and accounts. */
import { isSystemAccount } from "../ledger/routing.ts";
import { changesAccount } from "../programmes/programmes.ts";
import type { Command, LogRecord, Rejected } from "../records/command.ts";
import type { Posting, TransferView } from "../records/compound-command.ts";
import { event, type LedgerEvent } from "../records/event.ts";
import {
  type Change,
  changesOf,
  isHomeRecord,
  isWhole,
  transferOf,
  versionOf,
} from "../records/record-views.ts";

/** Events of an accepted record, in the order in which they happened. */
export function ledgerEventsOf(record: LogRecord, timeMs: number): readonly LedgerEvent[] {
  const account = versionOf(record);
  if (account !== undefined) return accountEvents(record.command, account);
  const transfer = transferOf(record, timeMs);
  if (transfer === undefined) return [];
  const subject = subjectOf(transfer.postings);
  const events: LedgerEvent[] = [];
  if (isHomeRecord(record)) {
    if (isWhole(transfer)) events.push(statusEvent(record.command, subject, transfer));
    else events.push(event("transfer.expired", subject, transfer));
  }
  if (isWhole(transfer)) events.push(...revertedBy(transfer, record));
  // An expiry or a void moves no money, so only a whole transfer has credits.
  if (isWhole(transfer)) events.push(...creditsReceived(transfer, subject, changesOf(record)));
  return events;
}

/** The event of a refused command, if it was to create a transfer. */
export function failureOf(command: Command, { code }: Rejected): readonly LedgerEvent[] {
  if (command.op !== "transfer" && command.op !== "compound_transfer") return [];
  const { memo, metadata } = command;
  const postings =
    command.op === "transfer"
      ? [{ debit: command.debit, credit: command.credit, amount: command.amount }]
      : command.postings;
  return [event("transfer.failed", subjectOf(postings), { code, postings, memo, metadata })];
}

/**
 * The account that a transfer is about: the first that is debited and is no system account, else the first that is
 * credited and is none.
 */
function subjectOf(postings: readonly Posting[]): string {
  const accounts = [...postings.map(({ debit }) => debit), ...postings.map(({ credit }) => credit)];
  return accounts.find((account) => !isSystemAccount(account)) ?? accounts[0] ?? "";
}

/**
 * The event of the transfer that was reverted. It is about the account that that transfer was about, so it is an event
 * of the record that gives the money back to this account: its shard has all events of a subject in their order.
 */
function revertedBy({ id, reverts, postings }: TransferView, record: LogRecord): readonly LedgerEvent[] {
  if (reverts === null) return [];
  const subject = subjectOf(
    postings.map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount })).toReversed(),
  );
  const isHere = isSystemAccount(subject)
    ? isHomeRecord(record)
    : changesOf(record).some(({ account }) => account === subject);
  return isHere ? [event("transfer.reverted", subject, { transfer: reverts, revertedBy: id, postings })] : [];
}

function statusEvent(command: Command, subject: string, transfer: TransferView): LedgerEvent {
  // A capture of a part leaves the transfer pending, but it has posted that part.
  if (command.op === "post_transfer") return event("transfer.posted", subject, transfer);
  switch (transfer.status) {
    case "posted":
      return event("transfer.posted", subject, transfer);
    case "pending":
      return event("transfer.pending", subject, transfer);
    case "voided":
      return event("transfer.voided", subject, transfer);
    case "expired":
      return event("transfer.expired", subject, transfer);
  }
}

/** The credits of accounts on the record's shard, except of the account that the transfer's own event is about. */
function creditsReceived(
  { id, postings, memo, metadata }: TransferView,
  subject: string,
  changes: readonly Change[],
): readonly LedgerEvent[] {
  return changes.flatMap(({ account, amount, posted, posting }) => {
    if (amount <= 0 || account === subject || isSystemAccount(account)) return [];
    const counterparty = postings[posting]?.debit ?? "";
    const data = { transfer: id, account, amount, balance: posted, counterparty, memo, metadata };
    return [event("transfer.received", account, data)];
  });
}

function accountEvents(
  command: Command,
  account: NonNullable<ReturnType<typeof versionOf>>,
): readonly LedgerEvent[] {
  const { id } = account;
  if (command.op === "create_account") return [event("account.created", id, account)];
  if (command.op === "update_account") return [event("account.updated", id, account)];
  if (command.op === "act") {
    if (changesAccount(command.act))
      return [event(account.status === "frozen" ? "account.frozen" : "account.updated", id, account)];
    // A programme opens an account again under the same id: to the partner it is a new one.
    return [event(account.status === "closed" ? "account.closed" : "account.created", id, account)];
  }
  switch (account.status) {
    case "frozen":
      return [event("account.frozen", id, account)];
    case "closed":
      return [event("account.closed", id, account)];
    case "open":
      return [event("account.updated", id, account)];
  }
}
