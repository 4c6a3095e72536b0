/** Reads a partner's events: decodes the records of its batches, merged from all shards, oldest first. */
import { eventsOf } from "../../actors/events/events-of.ts";
import { isAbout, type LedgerEvent } from "../../actors/records/event.ts";
import { PackReader } from "../../actors/records/pack-reader.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import type { LogId } from "../../wal/wal.ts";
import type { OpenBatch } from "../batches/batch-table.ts";
import { type Gaps, untilGap } from "../batches/gaps.ts";
import type { Keys } from "../index/key-hash.ts";
import { slotOf } from "../index/slot.ts";
import type { SortedIndex } from "../index/sorted-index.ts";
import type { AccountReader } from "./account-reader.ts";
import type { SortKey } from "./cursor.ts";
import { mergeHistories } from "./history.ts";
import { endBefore } from "./listing.ts";
import type {
  ArchivedRecord,
  BatchPosition,
  EventPlace,
  EventRow,
  EventsPage,
  EventsQuery,
} from "./query.ts";
import type { RecordReader } from "./record-reader.ts";

/** Records of the partner that are decoded for one page. Bounds the time for which other queries wait. */
const RECORDS_MAX = 1_000;
/** Batches that are opened for one page; for one account's events, records, each of which may be in another batch. */
const BATCHES_MAX = 64;
/** A batch in which the partner has records. */
type PartnerBatch = Readonly<{ batch: OpenBatch; sortKey: SortKey }>;
/** Records that may have events, oldest first, and a place after all of their events. */
type Source = Readonly<{ sortKey: SortKey; records: Iterable<SizedRecord>; end: EventPlace }>;
/** `bytes`: size of the record in the log; 0 for a user, whose pages have few records. */
type SizedRecord = Readonly<{ archived: ArchivedRecord; bytes: number }>;
type EventReaderParts = Readonly<{
  records: RecordReader;
  gaps: Gaps;
  keys: Keys;
  accounts: AccountReader;
  byPartner: SortedIndex;
  indexedPosition: (shard: number) => LogId | undefined;
}>;

const encoder = new TextEncoder();

export class EventReader {
  readonly #records: RecordReader;
  readonly #gaps: Gaps;
  readonly #keys: Keys;
  readonly #accounts: AccountReader;
  readonly #byPartner: SortedIndex;
  readonly #indexedPosition: (shard: number) => LogId | undefined;
  readonly #reader = new PackReader();

  constructor({ records, gaps, keys, accounts, byPartner, indexedPosition }: EventReaderParts) {
    this.#accounts = accounts;
    this.#indexedPosition = indexedPosition;
    this.#records = records;
    this.#gaps = gaps;
    this.#keys = keys;
    this.#byPartner = byPartner;
  }

  /** A page ends after `limit` events, or earlier once its records have 1 MiB or it has cost enough work. */
  events(query: EventsQuery): Omit<EventsPage, "indexed"> {
    const { limit } = query;
    const newest = this.#newestBatches(query.shards);
    const keptFromMs = Math.max(...newest.map(({ timeMs }) => timeMs)) - query.keptMs;
    const fromMs = Math.max(keptFromMs, query.fromMs ?? 0);
    const cursor = this.#sortKeyOf(query.after);
    const isExpired = cursor !== undefined && cursor.timeMs < keptFromMs;
    const after = isExpired ? null : query.after;
    const rows: EventRow[] = [];
    let last: EventsPage["last"] = null;
    const page = (isLast: boolean, waitsFor: EventsPage["waitsFor"] = null) => {
      return { rows, last, newest: newestOf(newest), isExpired, isLast, waitsFor };
    };
    let records = 0;
    let bytesLeft = PAGE_BYTES_MAX;
    let sources = 0;
    for (const source of this.#sources({ ...query, after }, fromMs, isExpired ? undefined : cursor)) {
      if (!isFinal(source.sortKey, newest)) return page(true, waitFor(newest, query.beforeMs));
      if (sources++ === BATCHES_MAX) return page(false);
      for (const { archived, bytes } of source.records) {
        if (records++ === RECORDS_MAX) return page(false);
        const { at, timeMs, record } = archived;
        for (const [n, event] of eventsOf(record, timeMs).entries()) {
          const place = { ...at, n };
          if (!isWanted(event, query) || (after !== null && !isAfter(place, after))) continue;
          const isFull = rows.length === limit || (bytesLeft < bytes && rows.length > 0);
          if (isFull) return page(false);
          bytesLeft -= bytes;
          rows.push({ place, timeMs, event });
          last = { ...place, timeMs };
        }
        last = { ...at, n: N_AFTER_ALL, timeMs };
      }
      last = { ...source.end, timeMs: source.sortKey.timeMs };
    }
    return page(true);
  }

  *#sources(query: EventsQuery, fromMs: number, cursor: SortKey | undefined): Generator<Source> {
    const { partner, after, of, beforeMs: toMs } = query;
    if (of === undefined) {
      for (const { batch, sortKey } of this.#batches(query, fromMs, cursor))
        yield { sortKey, records: this.#recordsIn(batch, partner, after), end: endOf(sortKey) };
      return;
    }
    // The record of the cursor itself may have further events.
    const from = cursor && { ...cursor, slot: slotOf(after?.index ?? 0, 0) - 1 };
    let last: ArchivedRecord["at"] | undefined;
    for (const { archived, sortKey } of this.#accounts.recordsOf(
      { ...of, partner },
      { fromMs, toMs },
      from,
    )) {
      const { at } = archived;
      // A record that changes the account several times is found as often.
      if (last !== undefined && isSameRecord(at, last)) continue;
      last = at;
      yield { sortKey, records: [{ archived, bytes: 0 }], end: { ...at, n: N_AFTER_ALL } };
    }
  }

  *#recordsIn(batch: OpenBatch, partner: string, after: EventPlace | null): Generator<SizedRecord> {
    for (const index of this.#recordsOf(batch, partner, after)) {
      const bytes = (batch.offsets[index + 1] ?? 0) - (batch.offsets[index] ?? 0);
      yield { archived: this.#records.inBatch(batch, index), bytes };
    }
  }

  /** The newest indexed batch of each shard; time -1 for a shard without one. */
  #newestBatches(shards: number): readonly NewestBatch[] {
    return Array.from({ length: shards }, (_, shard) => {
      const id = this.#indexedPosition(shard);
      if (id === undefined) return { shard, epoch: 0, seq: 0, timeMs: -1 };
      return { shard, ...id, timeMs: this.#records.timeOf({ shard, ...id }) };
    });
  }

  #batches(query: EventsQuery, fromMs: number, cursor: SortKey | undefined): Iterable<PartnerBatch> {
    const gaps = this.#gaps.all;
    const found = this.#readBatches(query, fromMs, cursor);
    if (gaps.length === 0) return found;
    return untilGap(found, gaps, { fromMs, toMs: query.beforeMs }, cursor, "oldest");
  }

  *#readBatches(
    { partner, beforeMs }: EventsQuery,
    fromMs: number,
    cursor: SortKey | undefined,
  ): Generator<PartnerBatch> {
    const ranges = this.#records.shards.map((shard) => {
      const key = this.#keys.partnerEvents(partner, shard);
      const history = this.#byPartner.history(key, this.#records.batchPositions, shard);
      const from = cursor === undefined ? history.firstAt(fromMs) : history.firstFrom(cursor);
      return { history, from, to: endBefore(history, beforeMs) };
    });
    for (const { history, at, sortKey } of mergeHistories(ranges, "oldest"))
      if (history.isOf(sortKey)) yield { batch: this.#records.batchOf(history, at), sortKey };
  }

  /** The sort key of the batch of a place. */
  #sortKeyOf(place: EventPlace | null): SortKey | undefined {
    if (place === null) return undefined;
    const { shard, epoch, seq } = place;
    const timeMs = this.#records.timeOf(place);
    return { timeMs, shard, epoch, seq, slot: slotOf(0, 0) };
  }

  /** The indexes of the partner's records in a batch, from that of `after` if it is in this batch. */
  *#recordsOf(batch: OpenBatch, partner: string, after: EventPlace | null): Generator<number> {
    const { shard, epoch, seq, count, offsets, body } = batch;
    const isCut = after !== null && after.shard === shard && after.epoch === epoch && after.seq === seq;
    const name = encoder.encode(partner);
    const reader = this.#reader;
    for (let index = isCut ? after.index : 0; index < count; index++) {
      reader.start(body);
      reader.at = offsets[index] ?? 0;
      reader.array();
      reader.number();
      reader.text();
      if (isSame(body, reader.textStart, reader.textEnd, name)) yield index;
    }
  }
}

/** Greater than any index of a record in its batch, and of an event in its record. */
const INDEX_AFTER_ALL = 0xff_ff_ff;
const N_AFTER_ALL = 0xff_ff;

type NewestBatch = BatchPosition & Readonly<{ timeMs: number }>;

/** The place after all events of a batch. */
function endOf({ shard, epoch, seq }: BatchPosition): EventPlace {
  return { shard, epoch, seq, index: INDEX_AFTER_ALL, n: N_AFTER_ALL };
}

function newestOf(newest: readonly NewestBatch[]): EventPlace | null {
  const [first, ...others] = newest.filter(({ timeMs }) => timeMs >= 0);
  if (first === undefined) return null;
  return endOf(others.reduce((latest, each) => (each.timeMs >= latest.timeMs ? each : latest), first));
}

/** Whether every other shard has a later batch already, so that none can log an earlier event. */
function isFinal({ shard, timeMs }: SortKey, newest: readonly NewestBatch[]): boolean {
  return newest.every((other) => other.shard === shard || other.timeMs > timeMs);
}

function waitFor(newest: readonly NewestBatch[], beforeMs: number): EventsPage["waitsFor"] {
  const afterMs = Math.min(Math.max(...newest.map(({ timeMs }) => timeMs)), beforeMs - 1);
  return { afterMs, shards: newest.filter(({ timeMs }) => timeMs <= afterMs).map(({ shard }) => shard) };
}

function isSameRecord(a: ArchivedRecord["at"], b: ArchivedRecord["at"]): boolean {
  return a.index === b.index && a.seq === b.seq && a.epoch === b.epoch && a.shard === b.shard;
}

function isWanted(event: LedgerEvent, { types, subject, of }: EventsQuery): boolean {
  if (types !== undefined && !types.includes(event.type)) return false;
  if (of !== undefined && !isAbout(event, of.subjects)) return false;
  return subject === undefined || event.subject === subject;
}

/** Whether `place`, which is not before the batch of `after`, is after it. */
function isAfter(place: EventPlace, after: EventPlace): boolean {
  if (place.shard !== after.shard || place.epoch !== after.epoch || place.seq !== after.seq) return true;
  return place.index === after.index ? place.n > after.n : place.index > after.index;
}

function isSame(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}
