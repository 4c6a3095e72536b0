/**
 * What things take up in a shard's memory, about: what was measured for each kind (docs/OPERATIONS.md, "Memory"), rounded up,
 * and its texts. An account is counted with all that may be counted for its limits, since that comes and goes.
 */
import type { Account } from "../ledger/account.ts";
import type { JsonValue } from "../records/act.ts";
import type { Command } from "../records/command.ts";
import type { Reservation, TransferView } from "../records/compound-command.ts";

const ACCOUNT_BYTES = 250;
const LIMIT_BYTES = 3_000;
const SLICE_BYTES = 250;
const OPEN_TRANSFER_BYTES = 1_500;
/** Of each posting of an open transfer, and of each part of a reservation: the posting, its hold, what it counts for. */
const PART_BYTES = 500;
/** Something that ends by itself, as a lot, with its place among all that do. */
export const DUE_BYTES = 540;
/** What an act may leave behind, beside its texts. */
const ACT_BYTES = 1_000;
const OBJECT_BYTES = 40;
const WORD_BYTES = 8;

/** One character outside of Latin-1 makes each take two bytes. */
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

/** The same however much of it was posted. */
export function openTransferBytes({ postings, memo, metadata, act, effect }: TransferView): number {
  const texts = textBytes(memo) + textBytes(metadata);
  return (
    OPEN_TRANSFER_BYTES + (postings.length - 1) * PART_BYTES + texts + plainBytes(act) + plainBytes(effect)
  );
}

export function reservationBytes({ holds, rises, uses }: Reservation): number {
  return (1 + holds.length + rises.length + uses.length) * PART_BYTES;
}

/** What a command makes a partner's memory grow by, at most. */
export function growthBytes(command: Command): number {
  switch (command.op) {
    case "create_account": {
      const { id, metadata, limits = [] } = command;
      return ACCOUNT_BYTES + id.length + textBytes(metadata) + limits.length * LIMIT_BYTES;
    }
    case "update_account": {
      const { metadata = null, limits = [] } = command;
      // A patch of nulls takes away.
      const isMore = metadata?.includes('":"') ?? false;
      return (isMore ? textBytes(metadata) : 0) + limits.length * LIMIT_BYTES;
    }
    case "compound_transfer": {
      const { postings, memo, metadata, act } = command;
      const texts = textBytes(memo) + textBytes(metadata);
      return OPEN_TRANSFER_BYTES + (postings.length - 1) * PART_BYTES + texts + 2 * plainBytes(act);
    }
    default:
      return ACT_BYTES + ("act" in command ? plainBytes(command.act) : 0);
  }
}

function plainBytes(value: JsonValue | undefined): number {
  if (typeof value === "string") return textBytes(value);
  if (typeof value !== "object" || value === null) return WORD_BYTES;
  let bytes = OBJECT_BYTES;
  for (const part of Object.values(value)) bytes += WORD_BYTES + plainBytes(part);
  return bytes;
}
