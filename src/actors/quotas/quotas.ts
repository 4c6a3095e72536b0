/**
 * What one partner may keep on a shard (ADR 20). A quota holds on each shard, since that is where the memory is: a shard
 * judges alone, exactly, and before anything is logged or parked. What is under way while a command waits for another shard
 * is not counted; the credits of gateways bound it.
 *
 * Beside its quota, a partner never takes more than what is left of a bound of the whole shard: alone it comes to half of
 * it, two partners come to a third each, and whoever comes new always finds room.
 */
import type { LedgerState } from "../ledger/ledger-state.ts";
import { isSystemAccount, vnodeOfAccount } from "../ledger/routing.ts";
import type { Command } from "../records/command.ts";
import { growthBytes, sliceBytes } from "./bytes.ts";
import type { QuotaName, Quotas } from "./default-quotas.ts";
import { growthOf } from "./growth.ts";

/** What a command would exceed: so much is used, on this shard, of what is allowed now. */
export type Exceeded = Readonly<{ quota: QuotaName; used: number; allowed: number }>;

/** Ends may come to so many times what is left of the table: three quarters of it, where one partner is alone. */
const ENDS_SHARE = 3;

/** Of the heap one partner that is alone comes to three quarters as well: many servers have but one. */
const BYTES_SHARE = 3;

/**
 * Which quota keeps a command from being decided, that no key has decided already.
 *
 * What ends something knows no quota, and finds its key reserved: each open transfer counts as one key more. But not every
 * command that is meant to end something does, as a post that the credit account refuses. So that those fill no table, they
 * leave a quarter of it free.
 *
 * @param freeBytes by which the shard's memory may still grow. `heap_full`: it is too little for the command, whoever asks.
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
    return exceeded("idempotency_keys", keys.at(nowMs), 1, ENDS_SHARE * freeKeys);
  }
  const quotas = state.programmes.quotas.of(partner);
  const isHold = growth === "hold";
  const keysNeeded = (key === null ? 0 : 1) + (isHold ? 1 : 0);
  const allowedKeys = Math.min(quotas.idempotency_keys, freeKeys);
  const ofKeys = exceeded("idempotency_keys", keys.at(nowMs) + openTransfers, keysNeeded, allowedKeys);
  if (ofKeys !== undefined) return ofKeys;
  const allowedOpen = Math.min(quotas.open_transfers, pending.room);
  const ofOpen = isHold ? exceeded("open_transfers", openTransfers, 1, allowedOpen) : undefined;
  if (ofOpen !== undefined) return ofOpen;
  const needed = (growth === "key" ? 0 : growthBytes(command)) + newSliceBytes(state, command);
  return needed === 0 ? undefined : exceededByBytes(state, partner, needed, freeBytes);
}

/** Of the slices of system accounts that a compound transfer is the first to use here. */
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

/** Whether so many bytes more are more than the partner, or the shard, may keep. */
export function exceededByBytes(
  state: LedgerState,
  partner: string,
  needed: number,
  freeBytes: number,
): Exceeded | "heap_full" | undefined {
  const { bytes } = state.usageOf(partner);
  if (needed > Math.max(0, freeBytes)) return "heap_full";
  const allowed = Math.min(state.programmes.quotas.of(partner).bytes, BYTES_SHARE * freeBytes);
  return exceeded("bytes", bytes, needed, Math.floor(allowed));
}

/** What a partner uses on this shard, by quota. */
export function usedOf(state: LedgerState, partner: string, nowMs: number): Quotas {
  const { keys, openTransfers, bytes } = state.usageOf(partner);
  return { idempotency_keys: keys.at(nowMs) + openTransfers, open_transfers: openTransfers, bytes };
}

function exceeded(quota: QuotaName, used: number, needed: number, allowed: number): Exceeded | undefined {
  return needed > 0 && used + needed > allowed ? { quota, used, allowed } : undefined;
}
