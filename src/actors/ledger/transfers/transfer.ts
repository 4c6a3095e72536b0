/**
 * Decides and applies transfers of one posting. Between two balances of one shard, a transfer is one record. A leg on
 * a system account uses the slice of the other account's vnode, so that no system account is hot. If the credit
 * account is on another shard, this shard decides with that shard's report, and the credit follows as a message.
 */
import { assert } from "../../../errors/assert.ts";
import {
  type Credit,
  type Credited,
  type Rejected,
  type RemoteCredit,
  reject,
  type Transfer,
  type TransferPosted,
  type TransferSent,
} from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import { newCredit } from "../../records/plain-records.ts";
import {
  type Account,
  applyEntry,
  type Balance,
  EMPTY_SLICE,
  refusalOfCredit,
  refusalOfDebit,
  refusalOfSliceCredit,
  refusalOfSliceDebit,
  type Slice,
} from "../account.ts";
import type { Book } from "../book.ts";
import { countUse } from "../limits/velocity.ts";
import { type Objection, verdictOf } from "../precedence.ts";
import { isSystemAccount } from "../routing.ts";

/**
 * Checks all rules of both accounts; `precedence.ts` selects the reason if several refuse.
 *
 * @param newId returns the transfer's id; called only if it is accepted.
 */
export function decideTransfer(
  book: Book,
  command: Transfer,
  nowMs: number,
  newId: (vnode: number) => string,
): TransferPosted | Rejected {
  const { debit, credit, amount, vnode } = command;
  const byProgramme = programmeOf(command);
  const debitAccount = isSystemAccount(debit) ? undefined : book.accounts.get(debit);
  const creditAccount = isSystemAccount(credit) ? undefined : book.accounts.get(credit);
  const asset = debitAccount?.asset ?? creditAccount?.asset;
  const fromSlice = debitAccount === undefined ? sliceOf(book, debit, asset, vnode) : EMPTY_SLICE;
  const toSlice = creditAccount === undefined ? sliceOf(book, credit, asset, vnode) : EMPTY_SLICE;
  const from: Readonly<Balance> = debitAccount ?? fromSlice;
  const to: Readonly<Balance> = creditAccount ?? toSlice;
  const debitPosted = from.posted - amount;
  const creditPosted = to.posted + amount;
  const againstDebit = isSystemAccount(debit)
    ? refusalOfSliceDebit(fromSlice, debitPosted, from.held, amount)
    : debitAccount === undefined
      ? "account_not_found"
      : refusalOfDebit(debitAccount, byProgramme, debitPosted, from.held, amount, 1, nowMs);
  const againstCredit = isSystemAccount(credit)
    ? refusalOfSliceCredit(toSlice, creditPosted, amount)
    : creditAccount === undefined
      ? "account_not_found"
      : refusalOfCredit(creditAccount, byProgramme, creditPosted, amount, 1, nowMs);
  const isMismatch =
    asset === undefined || (creditAccount !== undefined && creditAccount.asset !== asset) || debit === credit;
  if (againstDebit !== undefined || againstCredit !== undefined || isMismatch) {
    const ofDebit = isSystemAccount(debit) ? asset : debitAccount?.asset;
    const ofCredit = isSystemAccount(credit) ? asset : creditAccount?.asset;
    return rejectTransfer(command, ofDebit, againstDebit, ofCredit, againstCredit);
  }
  return {
    ok: true,
    id: newId(vnode),
    debitPosted,
    debitHeld: from.held,
    debitSeq: from.seq + 1,
    creditPosted,
    creditHeld: to.held,
    creditSeq: to.seq + 1,
  };
}

/**
 * The same rules for a credit account on another shard.
 *
 * @param message the shard that gets the credit, and the sequence number of the next message to it.
 */
export function decideSend(
  book: Book,
  command: Transfer,
  remote: RemoteCredit,
  message: Readonly<{ to: number; no: number }>,
  nowMs: number,
  newId: (vnode: number) => string,
): TransferSent | Rejected {
  const { debit, amount, vnode } = command;
  const from = book.accounts.get(debit);
  if (from === undefined) return reject("account_not_found", debit);
  const debitPosted = from.posted - amount;
  const againstDebit = refusalOfDebit(from, programmeOf(command), debitPosted, from.held, amount, 1, nowMs);
  const againstCredit = remote === null ? "account_not_found" : (remote.refusal ?? undefined);
  if (againstDebit !== undefined || againstCredit !== undefined || remote?.asset !== from.asset)
    return rejectTransfer(command, from.asset, againstDebit, remote?.asset, againstCredit);
  return {
    ok: true,
    id: newId(vnode),
    debitPosted,
    debitHeld: from.held,
    debitSeq: from.seq + 1,
    to: message.to,
    no: message.no,
  };
}

/** The programme whose act comes with the transfer, which may move that programme's managed accounts. */
function programmeOf({ act }: Transfer): string | null {
  return act === undefined ? null : act.programme;
}

function rejectTransfer(
  command: Transfer,
  debitAsset: string | undefined,
  againstDebit: Objection | undefined,
  creditAsset: string | undefined,
  againstCredit: Objection | undefined,
): Rejected {
  const rejected = verdictOf(
    command,
    { asset: debitAsset ?? null, objection: againstDebit ?? null },
    { asset: creditAsset ?? null, objection: againstCredit ?? null },
  );
  assert(rejected !== undefined, "the order of precedence has every reason to refuse a transfer");
  return rejected;
}

function sliceOf(book: Book, name: string, asset: string | undefined, vnode: number): Readonly<Slice> {
  return (asset === undefined ? undefined : book.sliceOf(name, asset, vnode)) ?? EMPTY_SLICE;
}

export function applyTransfer(
  book: Book,
  command: Transfer,
  posted: TransferPosted,
  timeMs: number,
  batch: number,
): void {
  const { debit, credit, amount, vnode } = command;
  const debitAccount = isSystemAccount(debit) ? undefined : book.accounts.get(debit);
  const creditAccount = isSystemAccount(credit) ? undefined : book.accounts.get(credit);
  const asset = debitAccount?.asset ?? creditAccount?.asset;
  assert(asset !== undefined, "a posted transfer has at least one account that is not a system account");
  const from = debitAccount ?? book.openSlice(debit, asset, vnode);
  const to = creditAccount ?? book.openSlice(credit, asset, vnode);
  // Both entries have the same amount, so I1 (balances sum to zero) holds after every record.
  applyEntry(from, -amount, posted.debitPosted, posted.debitHeld, posted.debitSeq, batch);
  applyEntry(to, amount, posted.creditPosted, posted.creditHeld, posted.creditSeq, batch);
  if (debitAccount?.velocities) countUse(debitAccount.velocities, "debit", amount, 1, timeMs);
  if (creditAccount?.velocities) countUse(creditAccount.velocities, "credit", amount, 1, timeMs);
}

/** Applies the debit of a cross-shard transfer. */
export function applySend(
  book: Book,
  command: Transfer,
  sent: TransferSent,
  timeMs: number,
  batch: number,
): void {
  const from = existingAccount(book, command.debit);
  applyEntry(from, -command.amount, sent.debitPosted, sent.debitHeld, sent.debitSeq, batch);
  book.countCrossShard(from.asset, command.amount, 0);
  if (from.velocities) countUse(from.velocities, "debit", command.amount, 1, timeMs);
}

/** The message to the credit account's shard. Built from the record alone, so that a replay rebuilds it. */
export function creditMessage(
  command: Transfer,
  sent: TransferSent,
  from: number,
  createdAtMs: number,
): Credit {
  return newCredit(keyless(command.partner), command, command, sent.id, createdAtMs, from, sent.no);
}

/** Decides a credit whose debit is durable. Never refuses: the account was checked and pinned before the debit. */
export function decideCredit(book: Book, { credit, amount }: Credit): Credited {
  const to = existingAccount(book, credit);
  return { ok: true, posted: to.posted + amount, held: to.held, seq: to.seq + 1 };
}

export function applyCredit(
  book: Book,
  command: Credit,
  credited: Credited,
  timeMs: number,
  batch: number,
): void {
  const to = existingAccount(book, command.credit);
  applyEntry(to, command.amount, credited.posted, credited.held, credited.seq, batch);
  book.countCrossShard(to.asset, 0, command.amount);
  if (to.velocities) countUse(to.velocities, "credit", command.amount, 1, timeMs);
}

function existingAccount(book: Book, id: string): Account {
  const account = book.accounts.get(id);
  assert(account !== undefined, "the accounts of a committed cross-shard transfer exist");
  return account;
}
