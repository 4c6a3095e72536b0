/** What a record of the log says: which transfer it is a record of, and what it did to balances. */
import type {
  AccountView,
  Credit,
  Credited,
  LogRecord,
  Transfer,
  TransferPosted,
  TransferSent,
} from "../../actors/records/command.ts";
import type {
  ExpiredTransfer,
  Move,
  Portion,
  TransferChanged,
  TransferExpired,
  TransferView,
} from "../../actors/records/compound-command.ts";
import { placeOfSlot } from "../index/slot.ts";
import type { ArchivedRecord, Entry } from "./query.ts";

/** One balance after a record; with amount 0 only `held` has changed. `posting` is the index of one of its transfer's. */
export type Change = Omit<Move, "asset" | "vnode">;

/** Whether it is the first accepted record of a transfer, at its home. */
export function isBeginning({ command, outcome }: LogRecord): boolean {
  if (!outcome.ok) return false;
  return command.op === "transfer" || command.op === "compound_transfer" || command.op === "revert_transfer";
}

/** Whether it is an accepted record of a transfer's home, and not that of a part on another shard. */
export function isOfHome({ command, outcome }: LogRecord): boolean {
  if (!outcome.ok) return false;
  switch (command.op) {
    case "transfer":
    case "compound_transfer":
    case "post_transfer":
    case "void_transfer":
    case "revert_transfer":
    case "expire_transfer":
      return true;
    default:
      return false;
  }
}

/**
 * The transfer that an accepted record is one of, as that record left it. `undefined` of all others, and of reservations:
 * their attempt may come to nothing. A record of expiry leaves out what the records before it say.
 */
export function transferOf({
  timeMs,
  record,
}: Pick<ArchivedRecord, "timeMs" | "record">): TransferView | ExpiredTransfer | undefined {
  const { command, outcome } = record;
  if (!outcome.ok) return undefined;
  if (command.op === "transfer") return actedView(command, outcome as TransferPosted | TransferSent, timeMs);
  if (command.op === "credit") return plainView(command, command.id, command.createdAtMs);
  if (command.op === "portion") return command.transfer;
  return isOfHome(record) ? (outcome as TransferChanged | TransferExpired).transfer : undefined;
}

/** Nothing of it stands in another record. */
export function isWhole(transfer: TransferView | ExpiredTransfer): transfer is TransferView {
  return "metadata" in transfer;
}

/** The id of `transferOf`. */
export function transferIdOf(record: LogRecord): string | undefined {
  const { command, outcome } = record;
  if (!outcome.ok) return undefined;
  if (command.op === "credit") return command.id;
  if (command.op === "portion") return command.transfer.id;
  return isOfHome(record) ? (outcome as TransferPosted | TransferSent | TransferChanged).id : undefined;
}

/** What an accepted record did to balances of its shard, in its order: places in the index count through these. */
export function changesOf({ command, outcome }: LogRecord): readonly Change[] {
  if (!outcome.ok) return [];
  if (command.op === "transfer") return plainChanges(command, outcome as TransferPosted | TransferSent);
  if (command.op === "credit") return [creditChange(command, outcome as Credited)];
  return "moves" in outcome ? outcome.moves : [];
}

/** The account as an accepted record of its own left it. */
export function versionOf({ command, outcome }: LogRecord): AccountView | undefined {
  switch (command.op) {
    case "create_account":
    case "update_account":
    case "set_account_status":
    case "act":
      return "account" in outcome ? outcome.account : undefined;
    default:
      return undefined;
  }
}

/** What the index has under a slot. It may be of another account: the index holds hashes only. */
export function changeAt(record: LogRecord, slot: number): Change | undefined {
  return changesOf(record)[placeOfSlot(slot)];
}

/** The change under `slot`, which has an amount, as its account sees it. */
export function entryOf(archived: ArchivedRecord, slot: number): Entry {
  const { at, timeMs, record } = archived;
  const { amount, posted, posting, seq } = changeAt(record, slot) as Change;
  // Whole, since the end of a hold moves nothing.
  const { id, postings, memo, metadata, occurredAtMs, act } = transferOf(archived) as TransferView;
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

/** Whether a record is that of message `no` from shard `from`. */
export function isPart({ command }: LogRecord, from: number, no: number): boolean {
  return isMessage(command) && command.from === from && command.no === no;
}

function isMessage(command: LogRecord["command"]): command is Credit | Portion {
  return command.op === "credit" || command.op === "portion";
}

function actedView(command: Transfer, outcome: TransferPosted | TransferSent, timeMs: number): TransferView {
  const { id, effect, debitSeq } = outcome;
  const view = plainView(command, id, timeMs);
  const { act } = command;
  if (act === undefined) return view;
  const seqs = "creditSeq" in outcome ? { seqs: [debitSeq, outcome.creditSeq] as const } : {};
  return { ...view, act, ...(effect !== undefined && { effect }), ...seqs };
}

function plainView(
  { debit, credit, amount, memo, metadata, occurredAtMs }: Transfer | Credit,
  id: string,
  createdAtMs: number,
): TransferView {
  return {
    id,
    status: "posted",
    postings: [{ debit, credit, amount }],
    postedAmount: amount,
    memo,
    metadata,
    occurredAtMs,
    createdAtMs,
    expiresAtMs: null,
    reverts: null,
  };
}

function plainChanges(
  { debit, credit, amount }: Transfer,
  outcome: TransferPosted | TransferSent,
): readonly Change[] {
  const { debitPosted, debitHeld, debitSeq } = outcome;
  const debited = {
    posting: 0,
    account: debit,
    amount: -amount,
    posted: debitPosted,
    held: debitHeld,
    seq: debitSeq,
  };
  if ("to" in outcome) return [debited];
  const { creditPosted, creditHeld, creditSeq } = outcome;
  return [
    debited,
    { posting: 0, account: credit, amount, posted: creditPosted, held: creditHeld, seq: creditSeq },
  ];
}

function creditChange({ credit, amount }: Credit, { posted, held, seq }: Credited): Change {
  return { posting: 0, account: credit, amount, posted, held, seq };
}
