/**
 * Estimates of the bytes that things take in a shard's memory: the size measured for each kind (docs/OPERATIONS.md,
 * "Memory"), rounded up, plus its texts. Each limit of an account counts with the largest number of buckets.
 */
import type { Account } from "../ledger/account.ts";
import type { JsonValue } from "../records/act.ts";
import type { Command } from "../records/command.ts";
import type { Reservation, TransferView } from "../records/compound-command.ts";
import { type TransferDetails, textsOf } from "../records/transfer-details.ts";

const ACCOUNT_BYTES = 250;
const LIMIT_BYTES = 3_000;
const SLICE_BYTES = 250;
const OPEN_TRANSFER_BYTES = 1_500;
/** Per further posting of an open transfer (with its hold and counted use), and per item of a reservation. */
const PART_BYTES = 500;
/** Something that expires, such as a lot of points, with its entries in the expiry heaps. */
export const DUE_BYTES = 540;
/** What an act may leave in memory, without its texts. */
const ACT_BYTES = 1_000;
const OBJECT_BYTES = 40;
const WORD_BYTES = 8;

/** V8 stores a string with one byte per character, or with two if any character is outside Latin-1. */
export function textBytes(text: string | null): number {
  if (text === null) return 0;
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0xff) return 2 * text.length + 2 * WORD_BYTES;
  return text.length + 2 * WORD_BYTES;
}

export function accountBytes({
  id,
  metadata,
  velocities,
}: Pick<Account, "id" | "metadata" | "velocities">): number {
  return ACCOUNT_BYTES + id.length + textBytes(metadata) + (velocities?.length ?? 0) * LIMIT_BYTES;
}

export function sliceBytes(name: string): number {
  return SLICE_BYTES + name.length;
}

/** Does not depend on how much of the transfer was posted, so that posts need not adjust the count. */
export function openTransferBytes(transfer: TransferView): number {
  const { act, effect } = transfer;
  return transferBytes(transfer) + jsonBytes(act) + jsonBytes(effect);
}

/** An open transfer without its act. */
function transferBytes(transfer: TransferDetails & Pick<TransferView, "postings">): number {
  let bytes = OPEN_TRANSFER_BYTES + (transfer.postings.length - 1) * PART_BYTES;
  for (const text of textsOf(transfer)) bytes += textBytes(text);
  return bytes;
}

export function reservationBytes({ holds, rises, uses }: Reservation): number {
  return (1 + holds.length + rises.length + uses.length) * PART_BYTES;
}

/** Upper bound of the bytes by which a command makes a partner's memory grow. */
export function growthBytes(command: Command): number {
  switch (command.op) {
    case "create_account": {
      const { id, metadata, limits = [] } = command;
      return ACCOUNT_BYTES + id.length + textBytes(metadata) + limits.length * LIMIT_BYTES;
    }
    case "update_account": {
      const { metadata = null, limits = [] } = command;
      // A patch of only nulls removes keys and adds none.
      const addsKeys = metadata?.includes('":"') ?? false;
      return (addsKeys ? textBytes(metadata) : 0) + limits.length * LIMIT_BYTES;
    }
    case "compound_transfer":
      return transferBytes(command) + 2 * jsonBytes(command.act);
    default:
      return ACT_BYTES + ("act" in command ? jsonBytes(command.act) : 0);
  }
}

function jsonBytes(value: JsonValue | undefined): number {
  if (typeof value === "string") return textBytes(value);
  if (typeof value !== "object" || value === null) return WORD_BYTES;
  let bytes = OBJECT_BYTES;
  for (const part of Object.values(value)) bytes += WORD_BYTES + jsonBytes(part);
  return bytes;
}
