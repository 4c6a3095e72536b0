/** Derives from a log record its transfer and its changes of balances. */

import {
  type AccountView,
  acceptedOf,
  type Command,
  type Credit,
  type Credited,
  type LogRecord,
  type Transfer,
  type TransferPosted,
  type TransferSent,
} from "./command.ts";
import type {
  CompoundTransfer,
  ExpiredTransfer,
  ExpireTransfer,
  Move,
  Portion,
  PostTransfer,
  RevertTransfer,
  TransferView,
  VoidTransfer,
} from "./compound-command.ts";
import { detailsOf } from "./transfer-details.ts";

/** A changed balance. With amount 0, only `held` has changed. `posting` is the index of the transfer's posting. */
export type Change = Omit<Move, "asset" | "vnode">;

/** Whether the record created a transfer: its first accepted record, on its home shard. */
export function createsTransfer({ command, outcome }: LogRecord): boolean {
  if (!outcome.ok) return false;
  return command.op === "transfer" || command.op === "compound_transfer" || command.op === "revert_transfer";
}

/** Commands of transfers that their home shard records, as opposed to a part on another shard. */
type HomeCommand = Transfer | ChangeCommand;
type ChangeCommand = CompoundTransfer | PostTransfer | VoidTransfer | RevertTransfer | ExpireTransfer;

function isHomeCommand(command: Command): command is HomeCommand {
  return command.op === "transfer" || isChange(command);
}

function isChange(command: Command): command is ChangeCommand {
  switch (command.op) {
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

/** Whether it is an accepted record of a transfer on its home shard. */
export function isHomeRecord({ command, outcome }: LogRecord): boolean {
  return outcome.ok && isHomeCommand(command);
}

/**
 * The state of a transfer after an accepted record. `undefined` for other records, and for reservations, whose
 * transfer may still fail. An expiry record has only the fields that it changed.
 */
export function transferOf(
  { command, outcome }: LogRecord,
  timeMs: number,
): TransferView | ExpiredTransfer | undefined {
  if (!outcome.ok) return undefined;
  if (command.op === "transfer") return transferView(command, acceptedOf(command, outcome), timeMs);
  if (command.op === "credit") return plainView(command, command.id, command.createdAtMs);
  if (command.op === "portion") return command.transfer;
  if (!isChange(command)) return undefined;
  const { transfer } = acceptedOf(command, outcome);
  const ends = command.op === "post_transfer" || command.op === "void_transfer";
  return ends && command.act !== undefined ? { ...transfer, ending: command.act } : transfer;
}

/** Whether it has all fields (records of expiry have not). */
export function isWhole(transfer: TransferView | ExpiredTransfer): transfer is TransferView {
  return "metadata" in transfer;
}

/** The id of `transferOf`. */
export function transferIdOf({ command, outcome }: LogRecord): string | undefined {
  if (!outcome.ok) return undefined;
  if (command.op === "credit") return command.id;
  if (command.op === "portion") return command.transfer.id;
  return isHomeCommand(command) ? acceptedOf(command, outcome).id : undefined;
}

/** The changes of balances by an accepted record on its shard. Their order gives the ordinals of slots (slot.ts). */
export function changesOf({ command, outcome }: LogRecord): readonly Change[] {
  if (!outcome.ok) return [];
  if (command.op === "transfer") return plainChanges(command, acceptedOf(command, outcome));
  if (command.op === "credit") return [creditChange(command, acceptedOf(command, outcome))];
  return "moves" in outcome ? outcome.moves : [];
}

/** The account after an accepted record that created or changed it. */
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

/** Whether a record applies message `messageSeq` of shard `from`. */
export function isPart({ command }: LogRecord, from: number, messageSeq: number): boolean {
  return isMessage(command) && command.from === from && command.no === messageSeq;
}

function isMessage(command: LogRecord["command"]): command is Credit | Portion {
  return command.op === "credit" || command.op === "portion";
}

function transferView(
  command: Transfer,
  outcome: TransferPosted | TransferSent,
  timeMs: number,
): TransferView {
  const { id, effect, debitSeq } = outcome;
  const view = plainView(command, id, timeMs);
  const { act } = command;
  if (act === undefined) return view;
  const seqs = "creditSeq" in outcome ? { seqs: [debitSeq, outcome.creditSeq] as const } : {};
  return { ...view, act, ...(effect !== undefined && { effect }), ...seqs };
}

function plainView(command: Transfer | Credit, id: string, createdAtMs: number): TransferView {
  const { debit, credit, amount } = command;
  return {
    id,
    status: "posted",
    postings: [{ debit, credit, amount }],
    postedAmount: amount,
    ...detailsOf(command),
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
