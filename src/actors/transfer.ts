/**
 * A transfer of one posting between two balances of one shard. A leg on a system account sits on the slice of
 * the transfer's home vnode, which is the other account's, so that no system account is ever hot.
 */
import { assert } from "../assert.ts";
import { type Account, applyEntry, BALANCE_MAX, type Balance } from "./account.ts";
import type { Book } from "./book.ts";
import { type Rejected, reject, type Transfer, type TransferPosted } from "./command.ts";
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
  const refused = decideAccounts(debitAccount, creditAccount, amount);
  if (refused !== undefined) return refused;

  const from = debitAccount ?? book.sliceOf(debit, asset, vnode) ?? EMPTY;
  const to = creditAccount ?? book.sliceOf(credit, asset, vnode) ?? EMPTY;
  const debitPosted = from.posted - amount;
  const creditPosted = to.posted + amount;
  if (debitPosted < -BALANCE_MAX) return reject("balance_out_of_range", debit);
  if (creditPosted > BALANCE_MAX) return reject("balance_out_of_range", credit);
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

/** The rules that an account of a person has, and a system account has not. */
function decideAccounts(
  debit: Account | undefined,
  credit: Account | undefined,
  amount: number,
): Rejected | undefined {
  if (debit?.status === "closed") return reject("account_closed", debit.id);
  if (credit?.status === "closed") return reject("account_closed", credit.id);
  if (debit?.status === "frozen") return reject("account_frozen", debit.id);
  if (debit !== undefined && debit.floor !== null && debit.posted - debit.held - amount < debit.floor) {
    return reject("insufficient_funds", debit.id);
  }
  if (credit !== undefined && credit.ceiling !== null && credit.posted + amount > credit.ceiling) {
    return reject("ceiling_exceeded", credit.id);
  }
  return undefined;
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
