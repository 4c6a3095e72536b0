import { readRecord } from "../actors/codec.ts";
import { isSystemAccount } from "../actors/routing.ts";
import type { AccountTable } from "./account-table.ts";
import { ArchiveError } from "./archive-error.ts";
import { CREDIT_SIDE, DEBIT_SIDE } from "./batch-indexer.ts";
import type { BatchTable, OpenBatch } from "./batch-table.ts";
import { formatCursor, type Place, placeOfCursor } from "./cursor.ts";
import { type BatchPlaces, History, newestFirst, Selection } from "./history.ts";
import type { Keys } from "./key-hash.ts";
import { concerns, entryOf, isAcceptedTransfer, transferIdOf } from "./posting.ts";
import type {
  ArchivedRecord,
  ArchiveQueries,
  EntriesSum,
  Entry,
  Location,
  Page,
  Range,
  Statement,
} from "./query.ts";
import type { SortedIndex } from "./sorted-index.ts";
import { Tally } from "./tally.ts";

/** `ArchiveQueries` without the waiting: what is asked of an archive by those who hold it. */
export type ArchiveAnswers = {
  [Method in keyof ArchiveQueries]: (
    query: Parameters<ArchiveQueries[Method]>[0],
  ) => Awaited<ReturnType<ArchiveQueries[Method]>>;
};

type AccountId = Readonly<{ partner: string; account: string }>;
type AccountQuery = Range & AccountId;
type Stretch = Readonly<{ history: History; from: number; to: number }>;

/** A slot above any record's: with a batch's place, the place behind all of it. */
const BEHIND_ALL = Number.MAX_SAFE_INTEGER;

/**
 * Answers queries from the index and the batches. The index holds hashes only, so every record that it leads
 * to is compared with what was asked for; one that belongs to another account is passed over.
 */
export class ArchiveReader implements ArchiveAnswers {
  readonly #batches: BatchTable;
  readonly #accounts: AccountTable;
  readonly #keys: Keys;
  readonly #byAccount: SortedIndex;
  readonly #byTransfer: SortedIndex;
  readonly #byPartner: SortedIndex;
  readonly #places: BatchPlaces;

  constructor(
    batches: BatchTable,
    accounts: AccountTable,
    keys: Keys,
    indexes: Readonly<{ accounts: SortedIndex; transfers: SortedIndex; partners: SortedIndex }>,
  ) {
    this.#batches = batches;
    this.#accounts = accounts;
    this.#keys = keys;
    this.#byAccount = indexes.accounts;
    this.#byTransfer = indexes.transfers;
    this.#byPartner = indexes.partners;
    this.#places = (batch) => batches.describe(batch);
  }

  records(at: readonly Location[]): readonly ArchivedRecord[] {
    return at.map((location) => {
      const { shard, epoch, seq, index } = location;
      const batch = this.#batches.find(shard, epoch, seq);
      if (batch === undefined || index >= batch.count) {
        const place = `${shard}:${epoch}-${seq}/${index}`;
        throw new ArchiveError("archive_corrupt", `the archive has no record at ${place}`);
      }
      return this.#archived(this.#batches.open(batch.number), index);
    });
  }

  transfer(id: string): ArchivedRecord | undefined {
    return this.#partOf(id, DEBIT_SIDE);
  }

  credit(id: string): ArchivedRecord | undefined {
    return this.#partOf(id, CREDIT_SIDE);
  }

  transfers(
    query: Range & Readonly<{ partner: string; account?: string | undefined }>,
  ): Page<ArchivedRecord> {
    const { partner, account, limit } = query;
    const found =
      account === undefined
        ? this.#transfersOfPartner(query)
        : this.#recordsOf({ ...query, partner, account }, cursorOf(query));
    return page(found, limit, ({ archived }) => archived);
  }

  entries(query: AccountQuery): Statement {
    const { fromMs, toMs, limit } = query;
    const listed = page(this.#recordsOf(query, cursorOf(query)), limit, entryFound);
    return {
      ...listed,
      openingBalance: fromMs === undefined ? 0 : this.#balanceBefore(query, fromMs),
      closingBalance: this.#balanceBefore(query, toMs ?? Number.POSITIVE_INFINITY),
    };
  }

  /**
   * Reads the index, and one record to see whose it is: an account of a million entries must not cost a million records. The count is what
   * the index holds, so that an entry too many or too few shows beside the account's seq.
   */
  sum(query: Readonly<{ partner: string; account: string; seq: number }>): EntriesSum {
    const total = new Tally();
    for (const history of this.#historiesOf(query)) history.tally(total, history.length, query.seq);
    return { sum: Number(total.sum), count: total.count };
  }

  accountIds(
    query: Readonly<{ partner: string; prefix: string; afterId?: string | undefined; limit: number }>,
  ): readonly string[] {
    return this.#accounts.list(query.partner, query.prefix, query.afterId ?? "", query.limit);
  }

  /** Of a transfer's records the home's, or that of a credit on another shard: the index has it on its side. */
  #partOf(id: string, side: number): ArchivedRecord | undefined {
    const history = this.#byTransfer.history(this.#keys.text(id), this.#places);
    for (let i = history.length - 1; i >= 0; i--) {
      if ((history.slot(i) & 1) !== side) continue;
      const found = this.#recordOf(history, i);
      if (transferIdOf(found.record) === id) return found;
    }
    return undefined;
  }

  /** One history, or of a system account one per shard. */
  #historiesOf(query: AccountId): readonly History[] {
    const { partner, account } = query;
    if (!isSystemAccount(account)) {
      const history = this.#byAccount.history(this.#keys.account(partner, account, 0), this.#places);
      return [this.#isOneAccounts(history, query) ? history : this.#ownOf(history, query)];
    }
    // Slices of a system account count each for itself: here the 64 bits of the hash must do.
    return this.#batches.shards.map((shard) =>
      this.#byAccount.history(this.#keys.account(partner, account, shard + 1), this.#places, shard),
    );
  }

  /**
   * An account's entries count from 1 without a gap. So if the newest one's seq is their number, no second
   * account is among them, and the first record tells whose they are.
   */
  #isOneAccounts(history: History, query: AccountId): boolean {
    const { length } = history;
    if (length === 0) return true;
    return history.seq(length - 1) === length && concerns(this.#recordOf(history, 0), query, history.slot(0));
  }

  /** Another account has the same hash: every record is looked at, and what is the account's own stays. */
  #ownOf(history: History, query: AccountId): History {
    const own: number[] = [];
    for (let i = 0; i < history.length; i++) {
      if (concerns(this.#recordOf(history, i), query, history.slot(i))) own.push(i);
    }
    return new History([new Selection(history, own)], this.#places);
  }

  /** The account's records within the range and before the cursor, newest first. */
  *#recordsOf(query: AccountQuery, cursor: Place | undefined): Generator<Found> {
    const histories = this.#historiesOf(query);
    for (const { history, at, place } of newestFirst(histories.map((each) => within(each, query, cursor)))) {
      const archived = this.#recordOf(history, at);
      if (isOf(history, place) && concerns(archived, query, place.slot)) yield { archived, place };
    }
  }

  /** The partner's accepted transfers within the range and before the cursor, newest first. */
  *#transfersOfPartner(query: Range & Readonly<{ partner: string }>): Generator<Found> {
    const cursor = cursorOf(query);
    const stretches = this.#batches.shards.map((shard) =>
      within(
        this.#byPartner.history(this.#keys.partner(query.partner, shard), this.#places, shard),
        query,
        cursor === undefined ? undefined : { ...cursor, slot: BEHIND_ALL },
      ),
    );
    for (const { history, at, place } of newestFirst(stretches)) {
      if (!isOf(history, place)) continue;
      const batch = this.#batches.open(history.batch(at));
      const cut = cursor !== undefined && isSameBatch(cursor, place) ? cursor.slot >>> 1 : batch.count;
      for (let index = cut - 1; index >= 0; index--) {
        const archived = this.#archived(batch, index);
        const { record } = archived;
        if (isAcceptedTransfer(record) && record.command.partner === query.partner) {
          yield { archived, place: { ...place, slot: index * 2 } };
        }
      }
    }
  }

  /** `balance_after` of the last entry before a time; of a system account the sum of all before it. */
  #balanceBefore(query: AccountQuery, timeMs: number): number {
    if (!isSystemAccount(query.account)) {
      const before = { ...query, fromMs: undefined, toMs: timeMs };
      for (const found of this.#recordsOf(before, undefined)) return entryFound(found).balanceAfter;
      return 0;
    }
    const total = new Tally();
    for (const history of this.#historiesOf(query)) {
      history.tally(total, endBefore(history, timeMs), Number.POSITIVE_INFINITY);
    }
    return Number(total.sum);
  }

  #recordOf(history: History, at: number): ArchivedRecord {
    return this.#archived(this.#batches.open(history.batch(at)), history.slot(at) >>> 1);
  }

  #archived(batch: OpenBatch, index: number): ArchivedRecord {
    const { shard, epoch, seq, timeMs, body, offsets } = batch;
    const start = offsets[index];
    const end = offsets[index + 1];
    if (start === undefined || end === undefined) {
      throw new ArchiveError(
        "archive_corrupt",
        `the archived batch ${shard}:${epoch}-${seq} has no record ${index}`,
      );
    }
    const record = readRecord(body.subarray(start, end));
    return { at: { shard, epoch, seq, index }, timeMs, record };
  }
}

type Found = Readonly<{ archived: ArchivedRecord; place: Place }>;

function cursorOf(range: Range): Place | undefined {
  return range.cursor === undefined ? undefined : placeOfCursor(range.cursor);
}

function within(history: History, { fromMs, toMs }: Range, cursor: Place | undefined): Stretch {
  const from = fromMs === undefined ? 0 : history.firstAt(fromMs);
  const end = endBefore(history, toMs ?? Number.POSITIVE_INFINITY);
  const to = cursor === undefined ? end : Math.min(end, history.firstFrom(cursor));
  return { history, from, to };
}

function endBefore(history: History, timeMs: number): number {
  return timeMs === Number.POSITIVE_INFINITY ? history.length : history.firstAt(timeMs);
}

/** False where another shard's key has the same hash. */
function isOf(history: History, place: Place): boolean {
  return history.shard === undefined || history.shard === place.shard;
}

function isSameBatch(a: Place, b: Place): boolean {
  return a.shard === b.shard && a.epoch === b.epoch && a.seq === b.seq;
}

/** Takes a page, and one more to know whether anything follows. */
function page<T>(found: Iterable<Found>, limit: number, show: (found: Found) => T): Page<T> {
  const data: T[] = [];
  let last: Place | undefined;
  for (const each of found) {
    if (data.length === limit) return { data, nextCursor: last === undefined ? null : formatCursor(last) };
    data.push(show(each));
    last = each.place;
  }
  return { data, nextCursor: null };
}

function entryFound({ archived, place }: Found): Entry {
  return entryOf(archived, place.slot);
}
