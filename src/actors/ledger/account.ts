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

/** Every balance stays within ± this, so that it is exact as a JavaScript number. */
export const BALANCE_MAX = Number.MAX_SAFE_INTEGER;

/**
 * No decision takes a balance beyond ± this, with all that is pinned and reserved counted. What lies between it and
 * `BALANCE_MAX` is kept for what is committed already (ADR 15). Older logs may hold balances there; those may only move
 * back towards zero.
 */
export const DECIDED_MAX = 2 ** 52;

/** Keys of one account's metadata, after all merges; and bytes of all of it as JSON. */
const METADATA_KEYS_MAX = 50;
const METADATA_BYTES_MAX = 32 * 1024;

/** What an entry changes. */
export interface Balance {
  posted: number;
  held: number;
  /** Number of entries so far: an entry's own number is the next one (I4). */
  seq: number;
  /** The newest batch of this epoch that touched it: what a read has to wait for. Not part of the state. */
  batch: number;
}

/**
 * One vnode's part of a system account in one asset. It has no rule but its range. Transfers of other shards keep room in
 * it. That room is not part of the state, so a slice may exist for it alone.
 */
export interface Slice extends Balance {
  /** Credits, and debits, that other shards may still send: volatile. What is reserved for debits is in `held`. */
  pinned: number;
  pinnedDebits: number;
  /** Credits that are reserved in the log. */
  reserved: number;
  /** Whether a record has touched it. */
  isUsed: boolean;
}

/** A slice that nobody has used yet. */
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
  /** Credits that other shards have announced and not sent yet: room that is taken, and how many. Not part of the state. */
  pinned: number;
  pins: number;
  /** The same for what is reserved in the log. */
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
  /** The programme that alone may move it; `null`: anybody may. */
  readonly programme: string | null;
}

export function viewOf(account: Account): AccountView {
  const { id, asset, status, floor, ceiling, posted, held, seq, metadata, createdAtMs, velocities } = account;
  const limits = velocities?.map(({ limit }) => limit) ?? [];
  const view = { id, asset, status, floor, ceiling, posted, held, seq, metadata, createdAtMs, limits };
  return account.programme === null ? view : { ...view, programme: account.programme };
}

/** `asset` is one string for all accounts of it. */
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
  // Whatever is given back to them was counted, even what was counted in the very moment they were set.
  const velocities = velocitiesOf(limits ?? [], null, createdAtMs - 1);
  const kept = { id, asset, status, floor, ceiling, posted, held, seq, metadata, velocities, createdAtMs };
  return restoreAccount({ ...kept, programme }, batch);
}

type Transient = "batch" | "pinned" | "pins" | "reserved" | "reservations";

/** From what an image keeps of it. One shape of object for all accounts. */
export function restoreAccount(kept: Omit<Account, Transient>, batch = 0): Account {
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
  } = kept;
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

/** Moves a balance to where an entry of `amount` (signed) has put it. */
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

/** Whether an account belongs to a programme, and not to the one that would move it. */
export function isManaged({ programme }: Pick<Account, "programme">, by: string | null): boolean {
  return programme !== null && programme !== by;
}

/**
 * The first of its own rules that keeps an account from being debited to `posted`; `undefined` when none does.
 *
 * @param by the programme that moves it, if one does.
 * @param held what would be held then.
 * @param debited in so many `debits` within this transfer; none where limits do not count.
 */
export function refusalOfDebit(
  account: Account,
  by: string | null,
  posted: number,
  held: number,
  debited: number,
  debits: number,
  nowMs: number,
): DebitRefusal | undefined {
  if (isManaged(account, by)) return "managed_account";
  if (account.status !== "open") return account.status === "closed" ? "account_closed" : "account_frozen";
  const available = posted - held;
  if (account.floor !== null && available < account.floor) return "insufficient_funds";
  const { velocities } = account;
  if (velocities !== null && debits > 0 && exceeds(velocities, "debit", debited, debits, nowMs))
    return "limit_exceeded";
  return available < -DECIDED_MAX ? "balance_out_of_range" : undefined;
}

/** The same for being credited; what is announced takes its room before this. */
export function refusalOfCredit(
  account: Account,
  by: string | null,
  posted: number,
  credited: number,
  credits: number,
  nowMs: number,
): CreditRefusal | undefined {
  if (isManaged(account, by)) return "managed_account";
  if (account.status === "closed") return "account_closed";
  const announced = account.pinned + account.reserved;
  if (account.ceiling !== null && posted + announced > account.ceiling) return "ceiling_exceeded";
  const { velocities } = account;
  if (velocities !== null && credits > 0) {
    const count = credits + account.pins + account.reservations;
    if (exceeds(velocities, "credit", credited + announced, count, nowMs)) return "limit_exceeded";
  }
  return isAbove(posted, credited, announced) ? "balance_out_of_range" : undefined;
}

/** The same for a slice that is debited to `posted`, with `held` held then, by `debited` in all. */
export function refusalOfSliceDebit(
  { pinnedDebits }: Readonly<Slice>,
  posted: number,
  held: number,
  debited: number,
): "balance_out_of_range" | undefined {
  const isOut = posted - held - pinnedDebits < -DECIDED_MAX || debited + pinnedDebits > BALANCE_MAX;
  return isOut ? "balance_out_of_range" : undefined;
}

/** And for one that is credited to `posted`, by `credited` in all. */
export function refusalOfSliceCredit(
  { pinned, reserved }: Readonly<Slice>,
  posted: number,
  credited: number,
): "balance_out_of_range" | undefined {
  return isAbove(posted, credited, pinned + reserved) ? "balance_out_of_range" : undefined;
}

/** What is announced must be exact itself, although the balance that it comes to may be far below zero. */
function isAbove(posted: number, credited: number, announced: number): boolean {
  return posted + announced > DECIDED_MAX || credited + announced > BALANCE_MAX;
}

export function decideCreate(
  existing: Account | undefined,
  command: CreateAccount,
  nowMs: number,
): AccountChanged | Rejected {
  if (existing !== undefined) return reject("account_exists", command.id);
  const { id, asset, floor, ceiling, metadata, limits = [] } = command;
  // A new balance is 0, and must lie within its own bounds.
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

/** A new bound that the present balance would break is refused (I2). */
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

/** Freezing what is frozen, or closing what is closed, changes nothing and is no error. */
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

/** RFC 7396 over one level of strings, as canonical JSON text; `undefined` when it grew too large. */
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
  // What was there before there was this bound may shrink step by step.
  const mayBe = Math.max(METADATA_BYTES_MAX, current === null ? 0 : utf8Bytes(current) - 1);
  return bytes > mayBe ? undefined : text;
}

/** Of well-formed text: each half of a surrogate pair counts two. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
