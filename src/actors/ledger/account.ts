/**
 * An account: a balance of one asset, owned by one actor. `posted` = credits − debits, `held` = reserved by
 * pending transfers, available = posted − held.
 *
 * `decide…` reads, `apply…` writes, in place: one shard owns the object and handles one message at a time.
 */
import { assert } from "../../errors/assert.ts";
import {
  type AccountChanged,
  type AccountRules,
  type AccountStatus,
  type AccountView,
  type CreateAccount,
  type Rejected,
  reject,
  type SetAccountStatus,
  type UpdateAccount,
} from "../records/command.ts";
import { readValue, writeValue } from "../records/pack.ts";
import type { PackReader } from "../records/pack-reader.ts";
import type { PackWriter } from "../records/pack-writer.ts";
import type { CreditRefusal, DebitRefusal } from "../records/rejection.ts";
import { exceeds, type Velocity, velocitiesOf } from "./limits/velocity.ts";
import { mergeMetadata } from "./metadata.ts";

/** Bound of every balance in both directions: within it, JavaScript numbers are exact. */
export const BALANCE_MAX = Number.MAX_SAFE_INTEGER;

/**
 * No decision takes a balance, plus what is pinned and reserved, beyond ±2^52. The range up to `BALANCE_MAX` is kept
 * for committed transfers (ADR 15). A balance of an older log may be beyond ±2^52; it may only move towards zero.
 */
export const DECIDED_MAX = 2 ** 52;

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

/** The state of a new account. */
function newView(id: string, asset: string, rules: AccountRules, createdAtMs: number): AccountView {
  const { floor, ceiling, metadata, limits = [] } = rules;
  const balance = { posted: 0, held: 0, seq: 0 };
  return { id, asset, status: "open", floor, ceiling, ...balance, metadata, createdAtMs, limits };
}

/** The state of a new account that only `programme` may debit or credit. */
export function newManagedView(
  id: string,
  asset: string,
  programme: string,
  createdAtMs: number,
): AccountView {
  return { ...newView(id, asset, { floor: 0, ceiling: null, metadata: null }, createdAtMs), programme };
}

/** @param asset the asset's code as the string object that all accounts of this asset share, to save memory. */
export function openAccount(view: AccountView, asset: string, batch: number): Account {
  const { limits = [], programme = null, createdAtMs } = view;
  // One millisecond earlier: `uncountUse` ignores uses at `sinceMs`, but a new account's limits count from the start.
  const velocities = velocitiesOf(limits, null, createdAtMs - 1);
  return restoreAccount({ ...view, asset, velocities, programme }, batch);
}

type Transient = "batch" | "pinned" | "pins" | "reserved" | "reservations";

/** The only function that creates accounts, so that all have one object layout. */
function restoreAccount(fields: Omit<Account, Transient>, batch: number): Account {
  return {
    id: fields.id,
    asset: fields.asset,
    status: fields.status,
    floor: fields.floor,
    ceiling: fields.ceiling,
    posted: fields.posted,
    held: fields.held,
    seq: fields.seq,
    metadata: fields.metadata,
    velocities: fields.velocities,
    createdAtMs: fields.createdAtMs,
    programme: fields.programme,
    pinned: 0,
    pins: 0,
    reserved: 0,
    reservations: 0,
    batch,
  };
}

/** The values of an account in an image, in order: docs/WAL_FORMAT.md. New ones are only added at the end. */
export const ACCOUNT_VALUES = [
  "id",
  "asset",
  "status",
  "floor",
  "ceiling",
  "posted",
  "held",
  "seq",
  "metadata",
  "createdAtMs",
  "velocities",
  "programme",
] as const satisfies readonly (keyof Account)[];

const STATUSES = ["open", "frozen", "closed"] as const satisfies readonly AccountStatus[];

export function writeAccount(writer: PackWriter, account: Account): void {
  writer.text(account.id);
  writer.text(account.asset);
  writer.number(STATUSES.indexOf(account.status));
  writer.numberOrNil(account.floor);
  writer.numberOrNil(account.ceiling);
  writer.number(account.posted);
  writer.number(account.held);
  writer.number(account.seq);
  writer.textOrNil(account.metadata);
  writer.number(account.createdAtMs);
  if (account.velocities === null) writer.nil();
  else writeValue(writer, account.velocities);
  writer.textOrNil(account.programme);
}

/**
 * @param values number of values. The oldest images have no `programme`.
 * @param sharedAsset returns the string object that all accounts of an asset share.
 */
export function readAccount(
  reader: PackReader,
  values: number,
  sharedAsset: (code: string) => string,
): Account {
  const fields = {
    id: reader.freshText(),
    asset: sharedAsset(reader.cachedText()),
    status: readStatus(reader),
    floor: reader.numberOrNil(),
    ceiling: reader.numberOrNil(),
    posted: reader.number(),
    held: reader.number(),
    seq: reader.number(),
    metadata: reader.freshTextOrNil(),
    createdAtMs: reader.number(),
    velocities: reader.nil() ? null : (readValue(reader) as Velocity[]), // written by `writeAccount`
    programme: values < ACCOUNT_VALUES.length || reader.nil() ? null : reader.cachedText(),
  };
  reader.skip(Math.max(0, values - ACCOUNT_VALUES.length));
  return restoreAccount(fields, 0);
}

function readStatus(reader: PackReader): AccountStatus {
  const status = STATUSES[reader.number()];
  assert(status !== undefined, "an account in an image has a known status");
  return status;
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
  if (account.status === "closed") return "account_closed";
  // A programme freezes an account to stop its user. Its own reverts, which no limits count, must still be possible.
  const isOwnRevert = debits === 0 && account.programme !== null;
  if (account.status === "frozen" && !isOwnRevert) return "account_frozen";
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
  const { id, asset, floor, ceiling } = command;
  // The initial balance of 0 must be within the floor and the ceiling.
  if ((floor !== null && floor > 0) || (ceiling !== null && ceiling < 0))
    return reject("balance_conflict", id);
  return { ok: true, account: newView(id, asset, command, nowMs) };
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
