/**
 * The records of plain transfers, the hot path: their objects, and their packed form as flat arrays written by hand.
 *
 * V8 chooses how an object stores a number field by the first values it sees. If all were small integers, the first
 * larger one deprecates that layout, but code compiled before goes on making objects of the old layout, and each is
 * converted when it is used: half a microsecond. (A transfer without a key has fingerprint 0, one with a key a large
 * number. `node --trace-migration` shows the conversions.)
 *
 * So this module keeps one object of each hot type alive, with `null` in its number fields. While it lives, V8 gives
 * every literal with the same properties in the same order its layout, which stores any value.
 */
import type { JsonValue } from "./act.ts";
import type { Credit, Credited, Transfer, TransferPosted, TransferSent } from "./command.ts";
import type { CommandHeader } from "./command-header.ts";
import type { Posting } from "./compound-command.ts";
import type { Crossed, Crossing } from "./crossing.ts";
import { readValue, writeValue } from "./pack.ts";
import { readAct, writeAct } from "./pack-act.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";
import { RANGES, type ScannedTransfers } from "./scanned-transfers.ts";
import { DETAIL_FIELDS, type TransferDetails, writeDetails } from "./transfer-details.ts";

export const POSTING_FIELDS = ["debit", "credit", "amount"] as const satisfies readonly (keyof Posting)[];
const DEBITED_FIELDS = ["rejection", "id", "debitPosted", "debitHeld", "debitSeq"] as const;

/**
 * The values of each packed array, in order. `rejection` is 0 in an accepted outcome. A transfer without an act and an
 * outcome without an effect or crossings end before them; with crossings alone, the effect is nil. New values are only ever added at the end. A test compares these lists with
 * docs/WAL_FORMAT.md.
 */
export const PACKED = {
  record: ["op", "partner", "key", "fingerprint", "command", "outcome"],
  transfer: [...POSTING_FIELDS, ...DETAIL_FIELDS, "vnode", "act"],
  credit: [...POSTING_FIELDS, ...DETAIL_FIELDS, "id", "createdAtMs", "from", "no"],
  posted: [...DEBITED_FIELDS, "creditPosted", "creditHeld", "creditSeq", "effect", "crossed"],
  sent: [...DEBITED_FIELDS, "to", "no", "effect", "crossed"],
  credited: ["rejection", "posted", "held", "seq", "crossed"],
  rejected: ["rejection", "subject"],
} as const satisfies Readonly<{
  record: readonly string[];
  transfer: readonly (keyof Transfer)[];
  credit: readonly (keyof Credit)[];
  posted: readonly ("rejection" | keyof TransferPosted)[];
  sent: readonly ("rejection" | keyof TransferSent)[];
  credited: readonly ("rejection" | keyof Credited)[];
  rejected: readonly string[];
}>;

/** Without the act. */
export const TRANSFER_VALUES = PACKED.transfer.indexOf("act");
/** Without the effect. */
const POSTED_VALUES = PACKED.posted.indexOf("effect");
const SENT_VALUES = PACKED.sent.indexOf("effect");
/** Without crossings. */
const CREDITED_VALUES = PACKED.credited.indexOf("crossed");

/**
 * Creates transfers, with the literal of `readTransfer`, so that all have one object layout. Takes numbers one by one:
 * in temporary objects they would be converted as described above.
 */
export function newTransfer(
  partner: string,
  key: string | null,
  fingerprint: number,
  debit: string,
  credit: string,
  amount: number,
  { memo, metadata, occurredAtMs }: TransferDetails,
  vnode: number,
): Transfer {
  return {
    op: "transfer",
    partner,
    key,
    fingerprint,
    debit,
    credit,
    amount,
    memo,
    metadata,
    occurredAtMs,
    vnode,
  };
}

/** Creates credits, with the literal of `readCredit`. */
export function newCredit(
  { partner, key, fingerprint }: CommandHeader,
  { debit, credit, amount }: Posting,
  { memo, metadata, occurredAtMs }: TransferDetails,
  id: string,
  createdAtMs: number,
  from: number,
  no: number,
): Credit {
  return {
    op: "credit",
    partner,
    key,
    fingerprint,
    debit,
    credit,
    amount,
    memo,
    metadata,
    occurredAtMs,
    id,
    createdAtMs,
    from,
    no,
  };
}

const ANY = null as unknown as number;
const ANY_HEADER: CommandHeader = { partner: "", key: null, fingerprint: ANY };
const ANY_POSTING: Posting = { debit: "", credit: "", amount: ANY };
const ANY_DETAILS: TransferDetails = { memo: null, metadata: null, occurredAtMs: ANY };

let layoutSamples: readonly (Transfer | Credit | TransferPosted | TransferSent | Credited)[] = [
  newTransfer("", null, ANY, "", "", ANY, ANY_DETAILS, ANY),
  newCredit(ANY_HEADER, ANY_POSTING, ANY_DETAILS, "", ANY, ANY, ANY),
  {
    ok: true,
    id: "",
    debitPosted: ANY,
    debitHeld: ANY,
    debitSeq: ANY,
    creditPosted: ANY,
    creditHeld: ANY,
    creditSeq: ANY,
  },
  { ok: true, id: "", debitPosted: ANY, debitHeld: ANY, debitSeq: ANY, to: ANY, no: ANY },
  { ok: true, posted: ANY, held: ANY, seq: ANY },
];

/** V8 keeps only those variables of a module alive that a function uses. */
function keepLayouts(): void {
  layoutSamples = [...layoutSamples];
}

keepLayouts();

export function writePostingFields(writer: PackWriter, { debit, credit, amount }: Posting): void {
  writer.text(debit);
  writer.text(credit);
  writer.number(amount);
}

export function writeTransfer(writer: PackWriter, transfer: Transfer): void {
  const { act } = transfer;
  writer.array(act === undefined ? TRANSFER_VALUES : TRANSFER_VALUES + 1);
  writePostingFields(writer, transfer);
  writeDetails(writer, transfer);
  writer.number(transfer.vnode);
  if (act !== undefined) writeAct(writer, act);
}

/** Packs transfer `at` of those that a request was found to hold, as `writeTransfer` packs it. */
export function writeScanned(
  writer: PackWriter,
  { source, ranges, amounts }: ScannedTransfers,
  at: number,
  vnode: number,
): void {
  const first = RANGES * at;
  writer.array(TRANSFER_VALUES);
  writer.textFrom(source, ranges[first] as number, ranges[first + 1] as number);
  writer.textFrom(source, ranges[first + 2] as number, ranges[first + 3] as number);
  writer.number(amounts[at] as number);
  const memoEnd = ranges[first + 5] as number;
  if (memoEnd === 0) writer.nil();
  else writer.textFrom(source, ranges[first + 4] as number, memoEnd);
  writer.nil();
  writer.nil();
  writer.number(vnode);
}

export function readTransfer(
  reader: PackReader,
  partner: string,
  key: string | null,
  fingerprint: number,
): Transfer {
  const values = reader.array();
  const transfer: Transfer = {
    op: "transfer",
    partner,
    key,
    fingerprint,
    debit: reader.cachedText(),
    credit: reader.cachedText(),
    amount: reader.number(),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.numberOrNil(),
    vnode: reader.number(),
  };
  if (values === TRANSFER_VALUES) return transfer;
  const act = readAct(reader);
  reader.skip(values - TRANSFER_VALUES - 1);
  return { ...transfer, act };
}

export function writeCredit(writer: PackWriter, credit: Credit): void {
  writer.array(PACKED.credit.length);
  writePostingFields(writer, credit);
  writeDetails(writer, credit);
  writer.text(credit.id);
  writer.number(credit.createdAtMs);
  writer.number(credit.from);
  writer.number(credit.no);
}

export function readCredit(
  reader: PackReader,
  partner: string,
  key: string | null,
  fingerprint: number,
): Credit {
  const values = reader.array();
  const credit: Credit = {
    op: "credit",
    partner,
    key,
    fingerprint,
    debit: reader.cachedText(),
    credit: reader.cachedText(),
    amount: reader.number(),
    memo: reader.freshTextOrNil(),
    metadata: reader.freshTextOrNil(),
    occurredAtMs: reader.numberOrNil(),
    id: reader.freshText(),
    createdAtMs: reader.number(),
    from: reader.number(),
    no: reader.number(),
  };
  reader.skip(values - PACKED.credit.length);
  return credit;
}

function writeDebited(writer: PackWriter, debited: TransferPosted | TransferSent): void {
  writer.number(0);
  writer.text(debited.id);
  writer.number(debited.debitPosted);
  writer.number(debited.debitHeld);
  writer.number(debited.debitSeq);
}

/** The last values of an outcome, each absent if the record has none of it. */
export type Extras = Readonly<{ effect?: JsonValue }> & Crossed;

/** Number of values of `effect` and `crossed`. */
export function extraValues({ effect, crossed }: Extras): number {
  if (crossed !== undefined) return 2;
  return effect === undefined ? 0 : 1;
}

export function writeExtras(writer: PackWriter, { effect, crossed }: Extras): void {
  if (effect !== undefined || crossed !== undefined) writeEffect(writer, effect);
  writeCrossings(writer, crossed);
}

export function writeCrossings(writer: PackWriter, crossed: Crossed["crossed"]): void {
  if (crossed !== undefined) writeValue(writer, crossed);
}

/** An effect is never null, so nil stands for none. */
export function writeEffect(writer: PackWriter, effect: JsonValue | undefined): void {
  if (effect === undefined) writer.nil();
  else writeValue(writer, effect);
}

export function readEffect(reader: PackReader): JsonValue | undefined {
  return reader.nil() ? undefined : (readValue(reader) as JsonValue); // written by `writeEffect`
}

export function writePosted(writer: PackWriter, posted: TransferPosted): void {
  writer.array(POSTED_VALUES + extraValues(posted));
  writeDebited(writer, posted);
  writer.number(posted.creditPosted);
  writer.number(posted.creditHeld);
  writer.number(posted.creditSeq);
  writeExtras(writer, posted);
}

export function writeSent(writer: PackWriter, sent: TransferSent): void {
  writer.array(SENT_VALUES + extraValues(sent));
  writeDebited(writer, sent);
  writer.number(sent.to);
  writer.number(sent.no);
  writeExtras(writer, sent);
}

/** The readers of outcomes begin after `rejection`. @param values number of values in the array. */
export function readPosted(reader: PackReader, values: number): TransferPosted {
  const posted: TransferPosted = {
    ok: true,
    id: reader.freshText(),
    debitPosted: reader.number(),
    debitHeld: reader.number(),
    debitSeq: reader.number(),
    creditPosted: reader.number(),
    creditHeld: reader.number(),
    creditSeq: reader.number(),
  };
  return values === POSTED_VALUES ? posted : { ...posted, ...readExtras(reader, values - POSTED_VALUES) };
}

export function readSent(reader: PackReader, values: number): TransferSent {
  const sent: TransferSent = {
    ok: true,
    id: reader.freshText(),
    debitPosted: reader.number(),
    debitHeld: reader.number(),
    debitSeq: reader.number(),
    to: reader.number(),
    no: reader.number(),
  };
  return values === SENT_VALUES ? sent : { ...sent, ...readExtras(reader, values - SENT_VALUES) };
}

/** @param values number of values from the effect on. */
export function readExtras(reader: PackReader, values: number): Extras {
  const effect = readEffect(reader);
  const crossings = values === 1 ? {} : readCrossings(reader, values - 1);
  return { ...(effect !== undefined && { effect }), ...crossings };
}

/** @param values number of values from `crossed` on. */
export function readCrossings(reader: PackReader, values: number): Crossed {
  const crossed = readValue(reader) as readonly Crossing[]; // written by `writeExtras` or `writeCredited`
  reader.skip(values - 1);
  return { crossed };
}

export function writeCredited(writer: PackWriter, credited: Credited): void {
  const { crossed } = credited;
  writer.array(crossed === undefined ? CREDITED_VALUES : CREDITED_VALUES + 1);
  writer.number(0);
  writer.number(credited.posted);
  writer.number(credited.held);
  writer.number(credited.seq);
  writeCrossings(writer, crossed);
}

export function readCredited(reader: PackReader, values: number): Credited {
  const credited: Credited = {
    ok: true,
    posted: reader.number(),
    held: reader.number(),
    seq: reader.number(),
  };
  if (values === CREDITED_VALUES) return credited;
  return { ...credited, ...readCrossings(reader, values - CREDITED_VALUES) };
}
