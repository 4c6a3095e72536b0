/**
 * Quotas: what one partner may keep on one shard (ADR 20). They apply per shard, because memory is per shard. A shard
 * checks them alone and exactly, before a command is logged or waits for another shard. Commands that wait are not
 * counted; the gateways' flow control bounds them.
 *
 * Besides its quota, a partner never uses more than what is still free of the whole shard's bound. So a single
 * partner can use at most half of it, two partners a third each, and a new partner always finds room.
 */
import type { LedgerState } from "../ledger/ledger-state.ts";
import { isSystemAccount, vnodeOfAccount } from "../ledger/routing.ts";
import type { Command } from "../records/command.ts";
import { growthBytes, sliceBytes } from "./bytes.ts";
import type { QuotaName, Quotas } from "./default-quotas.ts";
import { growthOf } from "./growth.ts";

/** The quota that a command would exceed, with the amounts used and allowed on this shard at present. */
export type Exceeded = Readonly<{ quota: QuotaName; used: number; allowed: number }>;

/**
 * A command that ends something may add its key while the partner has at most this many times as many keys as are free.
 * So a single partner can fill three quarters of the table with such keys.
 */
const ENDING_KEYS_FACTOR = 3;

/** The same factor for bytes: a single partner can use three quarters of the heap, as many servers have only one. */
const BYTES_FACTOR = 3;

/**
 * The quota that a command with a new idempotency key would exceed, if any.
 *
 * A command that ends something (a post, a void) is exempt from quotas, and its key is reserved: each open transfer
 * counts as one more key. But such a command may be rejected and end nothing, for example a post that the credit
 * account refuses. So that these do not fill the table, they must leave a quarter of it free.
 *
 * @param freeBytes by how much the shard's memory may still grow.
 * @returns `heap_full` if `freeBytes` is too little for the command, independent of the partner's quota.
 */
export function exceededBy(
  state: LedgerState,
  command: Command,
  nowMs: number,
  freeBytes = Number.POSITIVE_INFINITY,
): Exceeded | "heap_full" | undefined {
  const growth = growthOf(command);
  const { key, partner } = command;
  const { keys, openTransfers } = state.usageOf(partner);
  const { pending } = state.compound;
  const freeKeys = Math.max(0, state.keys.room - pending.size);
  if (growth === "never") {
    if (key === null) return undefined;
    return exceeded("idempotency_keys", keys.at(nowMs), 1, ENDING_KEYS_FACTOR * freeKeys);
  }
  const quotas = state.programmes.quotas.of(partner);
  const isHold = growth === "hold";
  const keysNeeded = (key === null ? 0 : 1) + (isHold ? 1 : 0);
  const allowedKeys = Math.min(quotas.idempotency_keys, freeKeys);
  const byKeys = exceeded("idempotency_keys", keys.at(nowMs) + openTransfers, keysNeeded, allowedKeys);
  if (byKeys !== undefined) return byKeys;
  const allowedOpen = Math.min(quotas.open_transfers, pending.room);
  const byOpen = isHold ? exceeded("open_transfers", openTransfers, 1, allowedOpen) : undefined;
  if (byOpen !== undefined) return byOpen;
  const needed = (growth === "key" ? 0 : growthBytes(command)) + newSliceBytes(state, command);
  return needed === 0 ? undefined : exceededByBytes(state, partner, needed, freeBytes);
}

/** Bytes of the system account slices that a compound transfer would create on this shard. */
function newSliceBytes(state: LedgerState, command: Command): number {
  if (command.op !== "compound_transfer") return 0;
  const { partner, postings } = command;
  const book = state.books.get(partner);
  let bytes = 0;
  for (const { debit, credit } of postings) {
    const [name, other] = isSystemAccount(debit) ? [debit, credit] : [credit, debit];
    const asset = isSystemAccount(name) ? book?.accounts.get(other)?.asset : undefined;
    if (asset !== undefined && book?.sliceOf(name, asset, vnodeOfAccount(partner, other))?.isUsed !== true)
      bytes += sliceBytes(name);
  }
  return bytes;
}

/** Whether `needed` more bytes exceed the partner's quota, or `freeBytes` of the shard (`heap_full`). */
export function exceededByBytes(
  state: LedgerState,
  partner: string,
  needed: number,
  freeBytes: number,
): Exceeded | "heap_full" | undefined {
  const { bytes } = state.usageOf(partner);
  if (needed > Math.max(0, freeBytes)) return "heap_full";
  const allowed = Math.min(state.programmes.quotas.of(partner).bytes, BYTES_FACTOR * freeBytes);
  return exceeded("bytes", bytes, needed, Math.floor(allowed));
}

/** A partner's usage on this shard, by quota. */
export function usedOf(state: LedgerState, partner: string, nowMs: number): Quotas {
  const { keys, openTransfers, bytes } = state.usageOf(partner);
  return { idempotency_keys: keys.at(nowMs) + openTransfers, open_transfers: openTransfers, bytes };
}

function exceeded(quota: QuotaName, used: number, needed: number, allowed: number): Exceeded | undefined {
  return needed > 0 && used + needed > allowed ? { quota, used, allowed } : undefined;
}
