/**
 * An account: a balance of one asset, owned by one actor. `posted` = credits − debits, `held` = reserved by
 * pending transfers, available = posted − held.
 *
 * `decide…` reads, `apply…` writes, in place: one shard owns the object and handles one message at a time.
 */
import { assert } from "../../errors/assert.ts";
import {
  type AccountChanged,
  type AccountStatus,
  type AccountView,
  type CreateAccount,
  type CreditRefusal,
  type DebitRefusal,
  type Rejected,
  reject,
  type SetAccountStatus,
  type UpdateAccount,
} from "../records/command.ts";
import { exceeds, type Velocity, velocitiesOf } from "./limits/velocity.ts";

/** Bound of every balance in both directions: within it, JavaScript numbers are exact. */
export const BALANCE_MAX = Number.MAX_SAFE_INTEGER;

/**
 * No decision takes a balance, plus what is pinned and reserved, beyond ±2^52. The range up to `BALANCE_MAX` is kept
 * for committed transfers (ADR 15). A balance of an older log may be beyond ±2^52; it may only move towards zero.
 */
export const DECIDED_MAX = 2 ** 52;

/** Bounds of one account's metadata after a merge: number of keys, and UTF-8 bytes of the JSON text. */
const METADATA_KEYS_MAX = 50;
export const METADATA_BYTES_MAX = 32 * 1024;

/** The fields that an entry changes. */
export interface Balance {
  posted: number;
  held: number;
  /** Sequence number of the newest entry, counted from 1; 0 before the first (I4). */
  seq: number;
  /** The newest batch of this epoch that changed the balance; reads wait until it is durable. Not part of the state. */
  batch: number;
}

/**
 * One vnode's part of a system account, in one asset. Its only rule is the range of balances. A slice may exist only
 * because a transfer of another shard has pinned or reserved amounts on it; it is part of the state once `isUsed`.
 */
export interface Slice extends Balance {
  /** Sum of credits that transfers of other shards have pinned. Not logged: lost in a crash. */
  pinned: number;
  /** Sum of debits that transfers of other shards have pinned. Not logged. Reserved debits are in `held`. */
  pinnedDebits: number;
  /** Sum of credits reserved in the log. */
  reserved: number;
  /** Whether a record has changed this slice. */
  isUsed: boolean;
}

export const EMPTY_SLICE: Readonly<Slice> = {
  posted: 0,
  held: 0,
  seq: 0,
  batch: 0,
  pinned: 0,
  pinnedDebits: 0,
  reserved: 0,
  isUsed: false,
};

export interface Account extends Balance {
  /** Sum and number of credits that transfers of other shards have pinned. Not logged, not part of the state. */
  pinned: number;
  pins: number;
  /** Sum and number of credits reserved in the log. */
  reserved: number;
  reservations: number;
  readonly id: string;
  readonly asset: string;
  status: AccountStatus;
  floor: number | null;
  ceiling: number | null;
  metadata: string | null;
  velocities: readonly Velocity[] | null;
  readonly createdAtMs: number;
  /** For a managed account, the one programme that may debit or credit it; otherwise `null`. */
  readonly programme: string | null;
}

export function viewOf(account: Account): AccountView {
  const { id, asset, status, floor, ceiling, posted, held, seq, metadata, createdAtMs, velocities } = account;
  const limits = velocities?.map(({ limit }) => limit) ?? [];
  const view = { id, asset, status, floor, ceiling, posted, held, seq, metadata, createdAtMs, limits };
  return account.programme === null ? view : { ...view, programme: account.programme };
}

/** @param asset the asset's code as the string object that all accounts of this asset share, to save memory. */
export function openAccount(view: AccountView, asset: string, batch: number): Account {
  const {
    id,
    status,
    floor,
    ceiling,
    posted,
    held,
    seq,
    metadata,
    createdAtMs,
    limits,
    programme = null,
  } = view;
  // One millisecond earlier: `uncountUse` ignores uses at `sinceMs`, but a new account's limits count from the start.
  const velocities = velocitiesOf(limits ?? [], null, createdAtMs - 1);
  const fields = { id, asset, status, floor, ceiling, posted, held, seq, metadata, velocities, createdAtMs };
  return restoreAccount({ ...fields, programme }, batch);
}

type Transient = "batch" | "pinned" | "pins" | "reserved" | "reservations";

/** Restores an account from an image. The only place that creates accounts, so that all have one object layout. */
export function restoreAccount(fields: Omit<Account, Transient>, batch = 0): Account {
  const {
    id,
    asset,
    status,
    floor,
    ceiling,
    posted,
    held,
    seq,
    metadata,
    velocities,
    createdAtMs,
    programme,
  } = fields;
  return {
    id,
    asset,
    status,
    floor,
    ceiling,
    posted,
    held,
    seq,
    metadata,
    velocities,
    createdAtMs,
    programme,
    pinned: 0,
    pins: 0,
    reserved: 0,
    reservations: 0,
    batch,
  };
}

/** Applies an entry of `amount` (negative: a debit), with the balance after it as the record holds it. */
export function applyEntry(
  balance: Balance,
  amount: number,
  posted: number,
  held: number,
  seq: number,
  batch: number,
): void {
  assert(seq === balance.seq + 1, "I4: an account's seq is contiguous");
  assert(posted === balance.posted + amount, "I4: balance_after is the previous balance plus the amount");
  assert(Number.isSafeInteger(posted) && Number.isSafeInteger(held), "I2: balances are safe integers");
  balance.posted = posted;
  balance.held = held;
  balance.seq = seq;
  balance.batch = batch;
}

/** Whether the account is managed by a programme other than `byProgramme`. */
export function isManaged({ programme }: Pick<Account, "programme">, byProgramme: string | null): boolean {
  return programme !== null && programme !== byProgramme;
}

/**
 * The first rule of the account that refuses a debit, in order of precedence; `undefined` if none does.
 *
 * @param byProgramme the programme that debits it, or `null`.
 * @param posted the posted balance after the debit.
 * @param held the held amount after the debit.
 * @param debited sum of this transfer's debits of the account, counted against its limits.
 * @param debits their number; 0 if limits do not apply.
 */
export function refusalOfDebit(
  account: Account,
  byProgramme: string | null,
  posted: number,
  held: number,
  debited: number,
  debits: number,
  nowMs: number,
): DebitRefusal | undefined {
  if (isManaged(account, byProgramme)) return "managed_account";
  if (account.status !== "open") return account.status === "closed" ? "account_closed" : "account_frozen";
  const available = posted - held;
  if (account.floor !== null && available < account.floor) return "insufficient_funds";
  const { velocities } = account;
  if (velocities !== null && debits > 0 && exceeds(velocities, "debit", debited, debits, nowMs))
    return "limit_exceeded";
  return available < -DECIDED_MAX ? "balance_out_of_range" : undefined;
}

/** The same for a credit. Pinned and reserved credits count against the ceiling, the limits and the range. */
export function refusalOfCredit(
  account: Account,
  byProgramme: string | null,
  posted: number,
  credited: number,
  credits: number,
  nowMs: number,
): CreditRefusal | undefined {
  if (isManaged(account, byProgramme)) return "managed_account";
  if (account.status === "closed") return "account_closed";
  const incoming = account.pinned + account.reserved;
  if (account.ceiling !== null && posted + incoming > account.ceiling) return "ceiling_exceeded";
  const { velocities } = account;
  if (velocities !== null && credits > 0) {
    const count = credits + account.pins + account.reservations;
    if (exceeds(velocities, "credit", credited + incoming, count, nowMs)) return "limit_exceeded";
  }
  return isAbove(posted, credited, incoming) ? "balance_out_of_range" : undefined;
}

/** The same for a debit of a slice: `posted` and `held` after it, `debited` in sum by this transfer. */
export function refusalOfSliceDebit(
  { pinnedDebits }: Readonly<Slice>,
  posted: number,
  held: number,
  debited: number,
): "balance_out_of_range" | undefined {
  const isOut = posted - held - pinnedDebits < -DECIDED_MAX || debited + pinnedDebits > BALANCE_MAX;
  return isOut ? "balance_out_of_range" : undefined;
}

/** The same for a credit of a slice: `posted` after it, `credited` in sum by this transfer. */
export function refusalOfSliceCredit(
  { pinned, reserved }: Readonly<Slice>,
  posted: number,
  credited: number,
): "balance_out_of_range" | undefined {
  return isAbove(posted, credited, pinned + reserved) ? "balance_out_of_range" : undefined;
}

/** The sum of credits must itself be a safe integer, even if the balance after them is far below zero. */
function isAbove(posted: number, credited: number, incoming: number): boolean {
  return posted + incoming > DECIDED_MAX || credited + incoming > BALANCE_MAX;
}

export function decideCreate(
  existing: Account | undefined,
  command: CreateAccount,
  nowMs: number,
): AccountChanged | Rejected {
  if (existing !== undefined) return reject("account_exists", command.id);
  const { id, asset, floor, ceiling, metadata, limits = [] } = command;
  // The initial balance of 0 must be within the floor and the ceiling.
  if ((floor !== null && floor > 0) || (ceiling !== null && ceiling < 0))
    return reject("balance_conflict", id);
  return {
    ok: true,
    account: {
      id,
      asset,
      status: "open",
      floor,
      ceiling,
      posted: 0,
      held: 0,
      seq: 0,
      metadata,
      createdAtMs: nowMs,
      limits,
    },
  };
}

/** Refuses a floor or ceiling that the present balance breaks (I2). */
export function decideUpdate(
  account: Account | undefined,
  command: UpdateAccount,
): AccountChanged | Rejected {
  if (account === undefined) return reject("account_not_found", command.id);
  if (account.programme !== null) return reject("managed_account", command.id);
  if (account.status === "closed") return reject("account_closed", command.id);
  const floor = command.floor === undefined ? account.floor : command.floor;
  const ceiling = command.ceiling === undefined ? account.ceiling : command.ceiling;
  if (floor !== null && account.posted - account.held < floor) return reject("balance_conflict", command.id);
  if (ceiling !== null && account.posted > ceiling) return reject("balance_conflict", command.id);
  const metadata =
    command.metadata === undefined ? account.metadata : mergeMetadata(account.metadata, command.metadata);
  if (metadata === undefined) return reject("metadata_too_large", command.id);
  const view = viewOf(account);
  const { limits = view.limits ?? [] } = command;
  return { ok: true, account: { ...view, floor, ceiling, metadata, limits } };
}

/** Freezing a frozen account, or closing a closed one, succeeds and changes nothing. */
export function decideStatus(
  account: Account | undefined,
  command: SetAccountStatus,
): AccountChanged | Rejected {
  if (account === undefined) return reject("account_not_found", command.id);
  if (account.programme !== null) return reject("managed_account", command.id);
  const closing = command.action === "close";
  if (account.status === "closed" && !closing) return reject("account_closed", command.id);
  if (closing && (account.posted !== 0 || account.held !== 0)) {
    return reject("account_not_empty", command.id);
  }
  const status = closing ? "closed" : command.action === "freeze" ? "frozen" : "open";
  return { ok: true, account: { ...viewOf(account), status } };
}

export function applyChange(account: Account, view: AccountView, timeMs: number, batch: number): void {
  account.status = view.status;
  account.floor = view.floor;
  account.ceiling = view.ceiling;
  account.metadata = view.metadata;
  account.velocities = velocitiesOf(view.limits ?? [], account.velocities, timeMs);
  account.batch = batch;
}

/** Merges a JSON patch (RFC 7396) of strings and nulls; returns canonical JSON text, `undefined` if it is too large. */
function mergeMetadata(current: string | null, patch: string): string | null | undefined {
  const merged = new Map<string, unknown>(Object.entries(current === null ? {} : JSON.parse(current)));
  for (const [name, value] of Object.entries(JSON.parse(patch))) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  if (merged.size > METADATA_KEYS_MAX) return undefined;
  if (merged.size === 0) return null;
  const sorted = [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(Object.fromEntries(sorted));
  const bytes = utf8Bytes(text);
  // Metadata from before this bound existed may exceed it, as long as each patch makes it smaller.
  const bytesMax = Math.max(METADATA_BYTES_MAX, current === null ? 0 : utf8Bytes(current) - 1);
  return bytes > bytesMax ? undefined : text;
}

/** UTF-8 length of well-formed text: each half of a surrogate pair counts two bytes. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
