/**
 * The packed form of what records of compound transfers contain: postings, legs, moves, holds, and whole transfers.
 *
 * What is read has its properties in the order in which they were created: images of the state are compared as bytes.
 */
import type {
  AssetLeg,
  Hold,
  Leg,
  Move,
  Posting,
  Purpose,
  Rise,
  SentPortion,
  TransferStatus,
  TransferView,
} from "./compound-command.ts";
import { readAct, writeActOrNil } from "./pack-act.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";
import { POSTING_FIELDS, readEffect, writeEffect, writePostingFields } from "./plain-records.ts";
import { DETAIL_FIELDS, writeDetails } from "./transfer-details.ts";

/** The values of each packed array, in order, like `PACKED`. A list of postings, legs, … is an array of such arrays. */
export const PACKED_PARTS = {
  posting: POSTING_FIELDS,
  leg: ["posting", "account", "counterparty", "vnode", "amount", "asset"],
  move: ["posting", "account", "asset", "vnode", "amount", "posted", "held", "seq"],
  hold: ["account", "asset", "vnode", "amount"],
  rise: ["account", "amount", "count", "asset", "vnode"],
  sent_portion: ["to", "no", "purpose", "legs"],
  view: [
    "id",
    "status",
    "postings",
    "postedAmount",
    ...DETAIL_FIELDS,
    "createdAtMs",
    "expiresAtMs",
    "reverts",
    "act",
    "effect",
  ],
} as const satisfies Readonly<{
  posting: readonly (keyof Posting)[];
  leg: readonly (keyof AssetLeg)[];
  move: readonly (keyof Move)[];
  hold: readonly (keyof Hold)[];
  rise: readonly string[];
  sent_portion: readonly (keyof SentPortion)[];
  view: readonly (keyof TransferView)[];
}>;

/** Without the asset. */
const LEG_VALUES = PACKED_PARTS.leg.indexOf("asset");
/** Without the slice. */
const RISE_VALUES = PACKED_PARTS.rise.indexOf("asset");

/** Their numbers in records: the index in this list. New ones are added at the end. */
export const STATUSES = [
  "posted",
  "pending",
  "voided",
  "expired",
] as const satisfies readonly TransferStatus[];
export const PURPOSES = ["post", "hold", "capture", "revert"] as const satisfies readonly Purpose[];

const NONE: readonly never[] = [];

export function writeList<T>(
  writer: PackWriter,
  list: readonly T[],
  write: (writer: PackWriter, one: T) => void,
): void {
  writer.array(list.length);
  for (const one of list) write(writer, one);
}

export function readList<T>(reader: PackReader, read: (reader: PackReader) => T): readonly T[] {
  const count = reader.array();
  if (count === 0) return NONE;
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(read(reader));
  return list;
}

export function writePosting(writer: PackWriter, posting: Posting): void {
  writer.array(PACKED_PARTS.posting.length);
  writePostingFields(writer, posting);
}

export function readPosting(reader: PackReader): Posting {
  const values = reader.array();
  const posting = { debit: reader.cachedText(), credit: reader.cachedText(), amount: reader.number() };
  reader.skip(values - PACKED_PARTS.posting.length);
  return posting;
}

export function writeLeg(writer: PackWriter, leg: Leg & { readonly asset?: string }): void {
  const { asset } = leg;
  writer.array(asset === undefined ? LEG_VALUES : LEG_VALUES + 1);
  writer.number(leg.posting);
  writer.text(leg.account);
  writer.text(leg.counterparty);
  writer.number(leg.vnode);
  writer.number(leg.amount);
  if (asset !== undefined) writer.text(asset);
}

export function readLeg(reader: PackReader): Leg {
  const values = reader.array();
  const leg = legAt(reader);
  reader.skip(values - LEG_VALUES);
  return leg;
}

export function readAssetLeg(reader: PackReader): AssetLeg {
  const values = reader.array();
  const leg = { ...legAt(reader), asset: reader.cachedText() };
  reader.skip(values - PACKED_PARTS.leg.length);
  return leg;
}

function legAt(reader: PackReader): Leg {
  return {
    posting: reader.number(),
    account: reader.cachedText(),
    counterparty: reader.cachedText(),
    vnode: reader.number(),
    amount: reader.number(),
  };
}

export function writeMove(writer: PackWriter, move: Move): void {
  writer.array(PACKED_PARTS.move.length);
  writer.number(move.posting);
  writer.text(move.account);
  writer.text(move.asset);
  writer.number(move.vnode);
  writer.number(move.amount);
  writer.number(move.posted);
  writer.number(move.held);
  writer.number(move.seq);
}

export function readMove(reader: PackReader): Move {
  const values = reader.array();
  const move = {
    posting: reader.number(),
    account: reader.cachedText(),
    asset: reader.cachedText(),
    vnode: reader.number(),
    amount: reader.number(),
    posted: reader.number(),
    held: reader.number(),
    seq: reader.number(),
  };
  reader.skip(values - PACKED_PARTS.move.length);
  return move;
}

export function writeHold(writer: PackWriter, { account, asset, vnode, amount }: Hold): void {
  writer.array(PACKED_PARTS.hold.length);
  writer.text(account);
  writer.text(asset);
  writer.number(vnode);
  writer.number(amount);
}

export function readHold(reader: PackReader): Hold {
  const values = reader.array();
  const hold = {
    account: reader.cachedText(),
    asset: reader.cachedText(),
    vnode: reader.number(),
    amount: reader.number(),
  };
  reader.skip(values - PACKED_PARTS.hold.length);
  return hold;
}

export function writeRise(writer: PackWriter, { account, amount, count, slice }: Rise): void {
  writer.array(slice === undefined ? RISE_VALUES : PACKED_PARTS.rise.length);
  writer.text(account);
  writer.number(amount);
  writer.number(count);
  if (slice === undefined) return;
  writer.text(slice.asset);
  writer.number(slice.vnode);
}

export function readRise(reader: PackReader): Rise {
  const values = reader.array();
  const rise = { account: reader.cachedText(), amount: reader.number(), count: reader.number() };
  if (values === RISE_VALUES) return rise;
  const slice = { asset: reader.cachedText(), vnode: reader.number() };
  reader.skip(values - PACKED_PARTS.rise.length);
  return { ...rise, slice };
}

export function writeSentPortion(writer: PackWriter, { to, no, purpose, legs }: SentPortion): void {
  writer.array(PACKED_PARTS.sent_portion.length);
  writer.number(to);
  writer.number(no);
  writer.number(PURPOSES.indexOf(purpose));
  writeList(writer, legs, writeLeg);
}

export function readSentPortion(reader: PackReader): SentPortion {
  const values = reader.array();
  const portion = {
    to: reader.number(),
    no: reader.number(),
    purpose: purposeOf(reader.number()),
    legs: readList(reader, readAssetLeg),
  };
  reader.skip(values - PACKED_PARTS.sent_portion.length);
  return portion;
}

export function writeNumber(writer: PackWriter, value: number): void {
  writer.number(value);
}

export function readNumber(reader: PackReader): number {
  return reader.number();
}

export function writeView(writer: PackWriter, view: TransferView): void {
  const { act, effect } = view;
  writer.array(PACKED_PARTS.view.length);
  writer.text(view.id);
  writer.number(STATUSES.indexOf(view.status));
  writeList(writer, view.postings, writePosting);
  writer.number(view.postedAmount);
  writeDetails(writer, view);
  writer.number(view.createdAtMs);
  writer.numberOrNil(view.expiresAtMs);
  writer.textOrNil(view.reverts);
  writeActOrNil(writer, act);
  writeEffect(writer, effect);
}

export function readView(reader: PackReader): TransferView {
  const values = reader.array();
  const view = {
    id: reader.freshText(),
    status: statusOf(reader.number()),
    postings: readList(reader, readPosting),
    postedAmount: reader.number(),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.numberOrNil(),
    createdAtMs: reader.number(),
    expiresAtMs: reader.numberOrNil(),
    reverts: reader.freshTextOrNil(),
  };
  const act = reader.nil() ? undefined : readAct(reader);
  const effect = readEffect(reader);
  reader.skip(values - PACKED_PARTS.view.length);
  if (act === undefined && effect === undefined) return view;
  return { ...view, ...(act !== undefined && { act }), ...(effect !== undefined && { effect }) };
}

export function statusOf(number: number): TransferStatus {
  return nameOf(STATUSES, number);
}

export function purposeOf(number: number): Purpose {
  return nameOf(PURPOSES, number);
}

/** @throws TypeError for a number that a later version may have written. */
function nameOf<T>(names: readonly T[], number: number): T {
  const name = names[number];
  if (name === undefined) throw new TypeError(`${number} is none of ${names.join(", ")}`);
  return name;
}
