/**
 * Serializes a shard's whole state, for snapshots. An image is a sequence of blocks of items; each item is an array
 * that begins with its kind (image-items.ts). Derived data (sums, heaps, indexes) and volatile data (pins, pending
 * replies) are omitted.
 *
 * Items are in the order in which they were created, so equal histories give equal bytes. A restored image yields the
 * same image again, which is how a snapshot is verified.
 */
import { readValue } from "../records/pack.ts";
import { PackReader } from "../records/pack-reader.ts";
import { PackWriter } from "../records/pack-writer.ts";
import { ACCOUNT_VALUES, type Account, readAccount, writeAccount } from "./account.ts";
import { KIND, type Restoring, restoreItem, writeItem } from "./image-items.ts";
import type { LedgerState } from "./ledger-state.ts";
import type { LogPlace } from "./limits/claims.ts";

/** A block ends once it has at least this many bytes. */
const BLOCK_BYTES = 64 * 1024;

/** The values of a slice in an image, in order: docs/WAL_FORMAT.md. New ones are only added at the end. */
export const SLICE_VALUES = ["name", "asset", "vnode", "posted", "held", "seq"] as const;

export type SliceCopy = Readonly<{
  name: string;
  asset: string;
  vnode: number;
  posted: number;
  held: number;
  seq: number;
}>;

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
  yield writeItem(writer, "key_seed", state.keys.seed, state.keys.size);
  for (const block of state.keys.blocks()) yield writeItem(writer, "keys", new Uint8Array(block.buffer));
  if (state.operatorKeyHash !== undefined) yield writeItem(writer, "operator_key", state.operatorKeyHash);
  for (const { partner, keys } of state.partners.values())
    yield writeItem(writer, "partner", partner, [...keys.values()]);
  for (const [partner, book] of state.books) {
    yield writeItem(writer, "book", partner, book.usage.keys.hours);
    for (const account of book.accounts.values()) yield writeAccountItem(writer, account);
    for (const [name, asset, vnode, { posted, held, seq }] of book.slices())
      yield writeSliceItem(writer, { name, asset, vnode, posted, held, seq });
    for (const [asset, { sent, received }] of book.crossed)
      yield writeItem(writer, "crossed", asset, `${sent}`, `${received}`);
  }
  for (const [shard, { forgotten, received, kept }] of state.exchanges) {
    yield writeItem(writer, "exchange", shard, forgotten, received);
    for (const { message, epoch, seq, index } of kept)
      yield writeItem(writer, "message", shard, message, epoch, seq, index);
  }
  for (const { id, partner, view, remaining, part, holds, uses, reservedAt } of state.compound.pending.all())
    yield writeItem(writer, "pending", id, partner, view, remaining, part, holds, uses, reservedAt);
  for (const [id, reservation] of state.compound.reservations.entries())
    yield writeItem(writer, "reservation", id, reservation);
  const { forgotten } = state.claims;
  yield writeItem(writer, "claims_forgotten", forgotten.epoch, forgotten.seq);
  for (const [name, { by, epoch, seq }] of state.claims.all())
    yield writeItem(writer, "claim", name, by, epoch, seq);
  for (const [programme, item] of state.programmes.items())
    yield writeItem(writer, "programme", programme, item);
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
  for (const account of accounts) writeAccountItem(writer, { ...account, metadata: null });
  for (const slice of slices) writeSliceItem(writer, slice);
  return writer.take();
}

/** Adds packed copies to the partner's book. */
export function restoreCopies(state: LedgerState, partner: string, copies: Uint8Array): void {
  new ImageReader(state, { epoch: 0, seq: 0 }, partner).accept(copies);
}

function writeAccountItem(writer: PackWriter, account: Account): void {
  writer.array(1 + ACCOUNT_VALUES.length);
  writer.number(KIND.account);
  writeAccount(writer, account);
}

function writeSliceItem(writer: PackWriter, { name, asset, vnode, posted, held, seq }: SliceCopy): void {
  writer.array(1 + SLICE_VALUES.length);
  writer.number(KIND.slice);
  writer.text(name);
  writer.text(asset);
  writer.number(vnode);
  writer.number(posted);
  writer.number(held);
  writer.number(seq);
}

/** Restores an image, block by block and in order, into an empty state. */
export class ImageReader {
  readonly #to: Restoring;
  readonly #reader = new PackReader();

  /**
   * @param at log position of the imaged state.
   * @param partner owner of accounts that come before any book, as in copies.
   */
  constructor(state: LedgerState, at: LogPlace, partner = "") {
    this.#to = { state, partner };
    state.claims.beginRestore(at);
  }

  /** @throws PackError, TypeError if the bytes are not a block, or one of a newer version. */
  accept(block: Uint8Array): void {
    const reader = this.#reader;
    const { state } = this.#to;
    reader.start(block);
    while (reader.at < block.length) {
      const start = reader.at;
      const values = reader.array() - 1;
      const kind = reader.number();
      if (kind === KIND.account) {
        const account = readAccount(reader, values, (code) => state.asset(code));
        state.addAccount(this.#to.partner, account);
      } else if (kind === KIND.slice) this.#readSlice(values);
      else {
        reader.at = start;
        restoreItem(this.#to, readValue(reader) as readonly unknown[]); // its head was an array's
      }
    }
  }

  #readSlice(values: number): void {
    const reader = this.#reader;
    const { state, partner } = this.#to;
    const name = reader.cachedText();
    const slice = state.book(partner).openSlice(name, state.asset(reader.cachedText()), reader.number());
    slice.posted = reader.number();
    slice.held = reader.number();
    slice.seq = reader.number();
    reader.skip(values - SLICE_VALUES.length);
  }
}
