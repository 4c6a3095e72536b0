/**
 * Serializes a shard's whole state, for snapshots. An image is a sequence of blocks of items; each item is an array
 * that begins with its kind. Derived data (sums, heaps, indexes) and volatile data (pins, pending replies) are
 * omitted. New fields are only added at the end of an item, and a kind is never reused: docs/WAL_FORMAT.md.
 *
 * Items are in the order in which they were created, so equal histories give equal bytes. A restored image yields the
 * same image again, which is how a snapshot is verified.
 */
import type { HashSeed } from "../idempotency/scope-hash.ts";
import type { KeyHours } from "../quotas/usage.ts";
import type { JsonValue } from "../records/act.ts";
import type { AccountStatus, Partner, PartnerKey } from "../records/command.ts";
import type { Reservation } from "../records/compound-command.ts";
import { readValue, writeValue } from "../records/pack.ts";
import { PackReader } from "../records/pack-reader.ts";
import { PackWriter } from "../records/pack-writer.ts";
import { type Account, restoreAccount } from "./account.ts";
import type { Message } from "./exchange.ts";
import type { LedgerState } from "./ledger-state.ts";
import { revertClaim } from "./limits/claim-names.ts";
import type { LogPlace } from "./limits/claims.ts";
import type { Velocity } from "./limits/velocity.ts";
import type { OpenTransfer } from "./transfers/pending.ts";

const KIND = {
  /** `[seed, count]`, before all keys. */
  key_seed: 1,
  /** `[words]`: entries of the key table as little-endian 32-bit words. */
  keys: 2,
  operator_key: 3,
  partner: 4,
  /**
   * `[partner, hours]`: the partner's keys per hour (`KeyHours`; absent in older images). The accounts, slices and
   * totals that follow belong to this partner.
   */
  book: 5,
  account: 6,
  slice: 7,
  crossed: 8,
  exchange: 9,
  message: 10,
  pending: 11,
  reservation: 12,
  /** `[id, by]`, only in images of older versions: a revert's claim without its log position. */
  reverted: 13,
  /** `[programme, item]`: the programme defines the item. */
  programme: 14,
  /** `[epoch, seq]` of the newest forgotten claim. Before all claims. */
  claims_forgotten: 15,
  /** `[name, by, epoch, seq]`, in log order. */
  claim: 16,
} as const;

/** A block ends once it has at least this many bytes. */
const BLOCK_BYTES = 64 * 1024;
const ACCOUNT_FIELDS = 13;
/** Field count in the oldest images, which have no managed accounts. */
const ACCOUNT_FIELDS_MIN = 12;
const SLICE_FIELDS = 7;

const STATUSES: readonly AccountStatus[] = ["open", "frozen", "closed"];

/** Yields the state in blocks of about 64 KiB. The state must not change until the last block is taken. */
export function* imageOf(state: LedgerState): Generator<Uint8Array<ArrayBuffer>> {
  const writer = new PackWriter();
  const items = writeItems(writer, state);
  while (items.next().done !== true) {
    if (writer.length >= BLOCK_BYTES) yield writer.take();
  }
  if (writer.length > 0) yield writer.take();
}

/** Writes one item per step. Reservations come after the accounts that they refer to. */
function* writeItems(writer: PackWriter, state: LedgerState): Generator<void> {
  const rare = (kind: keyof typeof KIND, ...values: readonly unknown[]) =>
    writeValue(writer, [KIND[kind], ...values]);
  yield rare("key_seed", state.keys.seed, state.keys.size);
  for (const block of state.keys.blocks()) yield rare("keys", new Uint8Array(block.buffer));
  if (state.operatorKeyHash !== undefined) yield rare("operator_key", state.operatorKeyHash);
  for (const { partner, keys } of state.partners.values()) yield rare("partner", partner, [...keys.values()]);
  for (const [partner, book] of state.books) {
    yield rare("book", partner, book.usage.keys.hours);
    for (const account of book.accounts.values()) yield writeAccount(writer, account, account.metadata);
    for (const [name, asset, vnode, { posted, held, seq }] of book.slices())
      yield writeSlice(writer, name, asset, vnode, posted, held, seq);
    for (const [asset, { sent, received }] of book.crossed)
      yield rare("crossed", asset, `${sent}`, `${received}`);
  }
  for (const [shard, { forgotten, received, kept }] of state.exchanges) {
    yield rare("exchange", shard, forgotten, received);
    for (const { message, epoch, seq, index } of kept)
      yield rare("message", shard, message, epoch, seq, index);
  }
  for (const { id, partner, view, remaining, part, holds, uses, reservedAt } of state.compound.pending.all())
    yield rare("pending", id, partner, view, remaining, part, holds, uses, reservedAt);
  for (const [id, reservation] of state.compound.reservations.entries())
    yield rare("reservation", id, reservation);
  const { forgotten } = state.claims;
  yield rare("claims_forgotten", forgotten.epoch, forgotten.seq);
  for (const [name, { by, epoch, seq }] of state.claims.all()) yield rare("claim", name, by, epoch, seq);
  for (const [programme, item] of state.programmes.items()) yield rare("programme", programme, item);
}

/**
 * Packs copies of accounts and slices for decisions, in the format of an image. Without metadata: no rule depends on
 * it, and 32 KiB for each account would take longer to read than the decisions.
 */
export function copiesOf(
  accounts: readonly Account[],
  slices: readonly SliceCopy[],
): Uint8Array<ArrayBuffer> {
  const writer = new PackWriter();
  for (const account of accounts) writeAccount(writer, account, null);
  for (const { name, asset, vnode, posted, held, seq } of slices)
    writeSlice(writer, name, asset, vnode, posted, held, seq);
  return writer.take();
}

export type SliceCopy = Readonly<{
  name: string;
  asset: string;
  vnode: number;
  posted: number;
  held: number;
  seq: number;
}>;

/** Adds packed copies to the partner's book. */
export function restoreCopies(state: LedgerState, partner: string, copies: Uint8Array): void {
  new ImageReader(state, { epoch: 0, seq: 0 }, partner).accept(copies);
}

function writeAccount(writer: PackWriter, account: Account, metadata: string | null): void {
  writer.array(ACCOUNT_FIELDS);
  writer.number(KIND.account);
  writer.text(account.id);
  writer.text(account.asset);
  writer.number(STATUSES.indexOf(account.status));
  writeNumberOrNil(writer, account.floor);
  writeNumberOrNil(writer, account.ceiling);
  writer.number(account.posted);
  writer.number(account.held);
  writer.number(account.seq);
  writer.textOrNil(metadata);
  writer.number(account.createdAtMs);
  if (account.velocities === null) writer.nil();
  else writeValue(writer, account.velocities);
  writer.textOrNil(account.programme);
}

function writeSlice(
  writer: PackWriter,
  name: string,
  asset: string,
  vnode: number,
  ...balance: readonly number[]
): void {
  writer.array(SLICE_FIELDS);
  writer.number(KIND.slice);
  writer.text(name);
  writer.text(asset);
  writer.number(vnode);
  for (const value of balance) writer.number(value);
}

function writeNumberOrNil(writer: PackWriter, value: number | null): void {
  if (value === null) writer.nil();
  else writer.number(value);
}

/** Restores an image, block by block and in order, into an empty state. */
export class ImageReader {
  readonly #state: LedgerState;
  readonly #reader = new PackReader();
  #partner: string;

  /**
   * @param at log position of the imaged state.
   * @param partner owner of accounts that come before any book, as in copies.
   */
  constructor(state: LedgerState, at: LogPlace, partner = "") {
    this.#state = state;
    this.#partner = partner;
    state.claims.beginRestore(at);
  }

  /** @throws PackError, TypeError if the bytes are not a block, or one of a newer version. */
  accept(block: Uint8Array): void {
    const reader = this.#reader;
    reader.start(block);
    while (reader.at < block.length) {
      const start = reader.at;
      const fields = reader.array();
      const kind = reader.number();
      if (kind === KIND.account) this.#readAccount(fields);
      else if (kind === KIND.slice) this.#readSlice(fields);
      else {
        reader.at = start;
        this.#restore(readValue(reader) as readonly unknown[]);
      }
    }
  }

  #readAccount(fields: number): void {
    const reader = this.#reader;
    const account = restoreAccount({
      id: reader.freshText(),
      asset: this.#state.asset(reader.cachedText()),
      status: STATUSES[reader.number()] as AccountStatus,
      floor: reader.nil() ? null : reader.number(),
      ceiling: reader.nil() ? null : reader.number(),
      posted: reader.number(),
      held: reader.number(),
      seq: reader.number(),
      metadata: reader.freshTextOrNil(),
      createdAtMs: reader.number(),
      velocities: reader.nil() ? null : (readValue(reader) as Velocity[]),
      programme: fields === ACCOUNT_FIELDS_MIN || reader.nil() ? null : reader.cachedText(),
    });
    reader.skip(Math.max(0, fields - ACCOUNT_FIELDS));
    this.#state.addAccount(this.#partner, account);
  }

  #readSlice(fields: number): void {
    const reader = this.#reader;
    const slice = this.#state
      .book(this.#partner)
      .openSlice(reader.cachedText(), this.#state.asset(reader.cachedText()), reader.number());
    slice.posted = reader.number();
    slice.held = reader.number();
    slice.seq = reader.number();
    reader.skip(fields - SLICE_FIELDS);
  }

  #restore([kind, ...values]: readonly unknown[]): void {
    const state = this.#state;
    switch (kind) {
      case KIND.key_seed:
        state.keys.reseed(values[0] as HashSeed, values[1] as number);
        return;
      case KIND.keys:
        // The copy is aligned to 4 bytes, as a Uint32Array requires.
        state.keys.restore(new Uint32Array(new Uint8Array(values[0] as Uint8Array).buffer));
        return;
      case KIND.operator_key:
        state.operatorKeyHash = values[0] as string;
        return;
      case KIND.partner: {
        const [partner, keys] = values as [Partner, PartnerKey[]];
        state.partners.set(partner.id, { partner, keys: new Map(keys.map((key) => [key.id, key])) });
        return;
      }
      case KIND.book:
        this.#partner = values[0] as string;
        state.book(this.#partner).usage.keys.restore((values[1] ?? []) as KeyHours);
        return;
      case KIND.crossed: {
        const [asset, sent, received] = values as [string, string, string];
        state.book(this.#partner).restoreCrossed(asset, BigInt(sent), BigInt(received));
        return;
      }
      case KIND.exchange: {
        const [shard, forgotten, received] = values as [number, number, number];
        state.exchange(shard).restore(forgotten, received);
        return;
      }
      case KIND.message: {
        const [shard, message, epoch, seq, index] = values as [number, Message, number, number, number];
        state.exchange(shard).send(message, { epoch, seq, index });
        return;
      }
      default:
        this.#restoreTransfer(kind, values);
    }
  }

  #restoreTransfer(kind: unknown, values: readonly unknown[]): void {
    const { claims, compound } = this.#state;
    const { pending, reservations } = compound;
    switch (kind) {
      case KIND.pending:
        pending.add(openTransferOf(values));
        return;
      case KIND.reservation: {
        const [id, reservation] = values as [string, Reservation];
        reservations.restore(this.#state.book(reservation.partner), id, reservation);
        return;
      }
      case KIND.reverted: {
        const [id, by] = values as [string, string];
        claims.restore(revertClaim(id), by);
        return;
      }
      case KIND.claims_forgotten: {
        const [epoch, seq] = values as [number, number];
        claims.restoreForgotten({ epoch, seq });
        return;
      }
      case KIND.claim: {
        const [name, by, epoch, seq] = values as [string, string, number, number];
        claims.restore(name, by, { epoch, seq });
        return;
      }
      case KIND.programme: {
        const [programme, item] = values as [string, JsonValue[]];
        this.#state.programmes.restore(programme, item);
        return;
      }
      default:
        throw new TypeError(`unknown item ${String(kind)} in an image`);
    }
  }
}

type PendingFields = [
  OpenTransfer["id"],
  OpenTransfer["partner"],
  OpenTransfer["view"],
  OpenTransfer["remaining"],
  OpenTransfer["part"],
  OpenTransfer["holds"],
  OpenTransfer["uses"],
  OpenTransfer["reservedAt"],
];

function openTransferOf(values: readonly unknown[]): OpenTransfer {
  const [id, partner, view, remaining, part, holds, uses, reservedAt] = values as PendingFields;
  const endsAtMs = view.expiresAtMs ?? Number.POSITIVE_INFINITY;
  return { id, partner, endsAtMs, place: -1, view, remaining, part, holds, uses, reservedAt };
}
