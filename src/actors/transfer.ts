/**
 * A transfer of one posting. Between two balances of one shard it is one record. A leg on a system account sits on the
 * slice of the transfer's home vnode, which is the other account's, so that no system account is ever hot. When the
 * credit account lives on another shard, the debit is decided here with what that shard has said, and the credit follows
 * as a message.
 */
import { assert } from "../assert.ts";
import { type Account, applyEntry, BALANCE_MAX, type Balance, refusalOfCredit } from "./account.ts";
import type { Book } from "./book.ts";
import {
  type Credit,
  type Credited,
  type CreditRefusal,
  type Rejected,
  type RemoteCredit,
  reject,
  type Transfer,
  type TransferPosted,
  type TransferSent,
} from "./command.ts";
import { isSystemAccount } from "./routing.ts";

const EMPTY: Readonly<Balance> = { posted: 0, held: 0, seq: 0, batch: 0 };

/**
 * All rules, in their order of precedence (API.md section 2).
 *
 * @param newId gives the transfer its id, asked only when it is accepted.
 */
export function decideTransfer(
  book: Book,
  command: Transfer,
  newId: (vnode: number) => string,
): TransferPosted | Rejected {
  const { debit, credit, amount, vnode } = command;
  if (debit === credit) return reject("same_account", debit);
  const debitIsSystem = isSystemAccount(debit);
  const creditIsSystem = isSystemAccount(credit);
  const debitAccount = debitIsSystem ? undefined : book.accounts.get(debit);
  if (!debitIsSystem && debitAccount === undefined) return reject("account_not_found", debit);
  const creditAccount = creditIsSystem ? undefined : book.accounts.get(credit);
  if (!creditIsSystem && creditAccount === undefined) return reject("account_not_found", credit);
  // Between two system accounts nothing says which asset is meant.
  const asset = debitAccount?.asset ?? creditAccount?.asset;
  if (asset === undefined) return reject("asset_mismatch");
  if (creditAccount !== undefined && creditAccount.asset !== asset) return reject("asset_mismatch", credit);

  const from = debitAccount ?? book.sliceOf(debit, asset, vnode) ?? EMPTY;
  const to = creditAccount ?? book.sliceOf(credit, asset, vnode) ?? EMPTY;
  const refusal =
    creditAccount === undefined ? refusalOfSlice(to, amount) : refusalOfCredit(creditAccount, amount);
  const refused = decideSides(command, from, debitAccount, refusal);
  if (refused !== undefined) return refused;
  return {
    ok: true,
    id: newId(vnode),
    debitPosted: from.posted - amount,
    debitHeld: from.held,
    debitSeq: from.seq + 1,
    creditPosted: to.posted + amount,
    creditHeld: to.held,
    creditSeq: to.seq + 1,
  };
}

/**
 * The same rules where the credit account lives on another shard.
 *
 * @param message where the credit would go: the shard, and the number of the next message to it.
 */
export function decideSend(
  book: Book,
  command: Transfer,
  remote: RemoteCredit,
  message: Readonly<{ to: number; no: number }>,
  newId: (vnode: number) => string,
): TransferSent | Rejected {
  const { debit, credit, amount, vnode } = command;
  const from = book.accounts.get(debit);
  if (from === undefined) return reject("account_not_found", debit);
  if (remote === null) return reject("account_not_found", credit);
  if (remote.asset !== from.asset) return reject("asset_mismatch", credit);
  const refused = decideSides(command, from, from, remote.refusal ?? undefined);
  if (refused !== undefined) return refused;
  return {
    ok: true,
    id: newId(vnode),
    debitPosted: from.posted - amount,
    debitHeld: from.held,
    debitSeq: from.seq + 1,
    to: message.to,
    no: message.no,
  };
}

/** The rules that accounts themselves have: `debitAccount` is absent for a system account, which has none but its range. */
function decideSides(
  { debit, credit, amount }: Transfer,
  from: Readonly<Balance>,
  debitAccount: Account | undefined,
  refusal: CreditRefusal | undefined,
): Rejected | undefined {
  if (debitAccount?.status === "closed") return reject("account_closed", debit);
  if (refusal === "account_closed") return reject("account_closed", credit);
  if (debitAccount?.status === "frozen") return reject("account_frozen", debit);
  const floor = debitAccount?.floor ?? null;
  if (floor !== null && from.posted - from.held - amount < floor) return reject("insufficient_funds", debit);
  if (refusal === "ceiling_exceeded") return reject("ceiling_exceeded", credit);
  if (from.posted - amount < -BALANCE_MAX) return reject("balance_out_of_range", debit);
  if (refusal === "balance_out_of_range") return reject("balance_out_of_range", credit);
  return undefined;
}

function refusalOfSlice(slice: Readonly<Balance>, amount: number): CreditRefusal | undefined {
  return slice.posted + amount > BALANCE_MAX ? "balance_out_of_range" : undefined;
}

export function applyTransfer(book: Book, command: Transfer, posted: TransferPosted, batch: number): void {
  const { debit, credit, amount, vnode } = command;
  const debitAccount = isSystemAccount(debit) ? undefined : book.accounts.get(debit);
  const creditAccount = isSystemAccount(credit) ? undefined : book.accounts.get(credit);
  const asset = debitAccount?.asset ?? creditAccount?.asset;
  assert(asset !== undefined, "a posted transfer has an account that knows its asset");
  const from = debitAccount ?? book.openSlice(debit, asset, vnode);
  const to = creditAccount ?? book.openSlice(credit, asset, vnode);
  // One amount, taken from one and given to the other: I1 holds after every record.
  applyEntry(from, -amount, posted.debitPosted, posted.debitHeld, posted.debitSeq, batch);
  applyEntry(to, amount, posted.creditPosted, posted.creditHeld, posted.creditSeq, batch);
}

/** Takes from the debit account what is now on its way. */
export function applySend(book: Book, command: Transfer, sent: TransferSent, batch: number): void {
  const from = personOf(book, command.debit);
  applyEntry(from, -command.amount, sent.debitPosted, sent.debitHeld, sent.debitSeq, batch);
  book.cross(from.asset, command.amount, 0);
}

/** The message to the credit account's shard; it can be made again from the record alone. */
export function creditOf(command: Transfer, sent: TransferSent, from: number, createdAtMs: number): Credit {
  const { partner, debit, credit, amount, memo, metadata, occurredAtMs } = command;
  return {
    op: "credit",
    partner,
    key: null,
    fingerprint: 0,
    debit,
    credit,
    amount,
    memo,
    metadata,
    occurredAtMs,
    id: sent.id,
    createdAtMs,
    from,
    no: sent.no,
  };
}

/** A credit whose debit is durable is never refused: its account was pinned, or the pin would have been refused. */
export function decideCredit(book: Book, { credit, amount }: Credit): Credited {
  const to = personOf(book, credit);
  return { ok: true, posted: to.posted + amount, held: to.held, seq: to.seq + 1 };
}

export function applyCredit(book: Book, command: Credit, credited: Credited, batch: number): void {
  const to = personOf(book, command.credit);
  applyEntry(to, command.amount, credited.posted, credited.held, credited.seq, batch);
  book.cross(to.asset, 0, command.amount);
}

function personOf(book: Book, id: string): Account {
  const account = book.accounts.get(id);
  assert(account !== undefined, "a transfer across shards is between accounts that exist");
  return account;
}
