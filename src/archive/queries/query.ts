/** The queries of the archive and their results. Plain data, because they cross threads. */
import type { Act } from "../../actors/records/act.ts";
import type { AccountView, LogRecord } from "../../actors/records/command.ts";
import type { TransferStatus, TransferView } from "../../actors/records/compound-command.ts";
import type { AccountEvents, EventType, LedgerEvent } from "../../actors/records/event.ts";
import type { TransferDetails } from "../../actors/records/transfer-details.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";

/** The position of a record: its batch, and its zero-based index within the batch. */
export type RecordPosition = Readonly<{ shard: number; epoch: number; seq: number; index: number }>;

export type ArchivedRecord = Readonly<{ at: RecordPosition; timeMs: number; record: LogRecord }>;

/** Returned for a record in a damaged batch. `damaged` is a message that names the batch and the reason. */
export type DamagedRecord = Readonly<{ at: RecordPosition; damaged: string }>;

export type FoundRecord = ArchivedRecord | DamagedRecord;

/** The newest batch of a shard that an answer must include. */
export type BatchPosition = Readonly<{ shard: number; epoch: number; seq: number }>;

/**
 * One account's side of a posting. `at` and `timeMs` are those of the record on the account's shard; the two sides of
 * a cross-shard transfer have different records. `amount` is negative for debits. For a system account,
 * `balanceAfter` and `seq` are those of its slice on that shard.
 */
export interface Entry extends TransferDetails {
  readonly at: RecordPosition;
  readonly timeMs: number;
  readonly seq: number;
  readonly transferId: string;
  readonly amount: number;
  readonly balanceAfter: number;
  readonly counterparty: string;
  /** The act of the programme that made the transfer. */
  readonly act?: Act;
}

/** From `fromMs` (inclusive) to `toMs` (exclusive), newest first. `cursor` is opaque, from the previous page. */
export type Range = Readonly<{
  fromMs?: number | undefined;
  toMs?: number | undefined;
  limit: number;
  cursor?: string | undefined;
}>;

/** `afterSeq`: entries of the account up to this seq are left out. */
export type EntriesRange = Range & Readonly<{ afterSeq?: number | undefined }>;
/**
 * A batch of the log, with the first of its records. `before` and `after` are the neighbours in the same shard; `null` at
 * the ends of what is archived.
 */
export type LogBatch = Readonly<{
  shard: number;
  epoch: number;
  seq: number;
  timeMs: number;
  /** Records of the batch, also those that are left out. */
  count: number;
  records: readonly ArchivedRecord[];
  before: LogId | null;
  after: LogId | null;
}>;

/** Which end of a list comes first. */
export type Order = "newest" | "oldest";

export type ActsRange = Range & Readonly<{ subject?: string | undefined; first?: Order }>;

/**
 * One page of a list. `cursors[i]` continues after `data[i]`, for callers that show fewer rows than they fetched.
 * `nextCursor` is `null` on the last page.
 */
export type Page<T> = Readonly<{
  data: readonly T[];
  cursors: readonly string[];
  nextCursor: string | null;
}>;

/** `openingBalance` is the balance before `fromMs`, `closingBalance` the balance just before `toMs`. */
export type Statement = Page<Entry> & Readonly<{ openingBalance: number; closingBalance: number }>;

/**
 * `by`: for each name the id of the transfer that claimed it, an empty string if an act without a transfer did, or
 * `null`. The answer is complete up to `epoch`-`seq` of the shard's log; 0-0 if the archive holds none of it.
 */
export type ClaimsFound = Readonly<{ by: readonly (string | null)[]; epoch: number; seq: number }>;

export type EntriesSum = Readonly<{ sum: number; count: number }>;

/** The place of an event: its record, and its zero-based index among the events of that record. */
export type EventPlace = RecordPosition & Readonly<{ n: number }>;

export type EventRow = Readonly<{ place: EventPlace; timeMs: number; event: LedgerEvent }>;

/**
 * Events after `after` (`null`: from the oldest one), logged at `fromMs` or later and before `beforeMs`, oldest first.
 * Events are kept for `keptMs` of log time. `shards`: the number of shards of the server.
 */
export type EventsQuery = Readonly<{
  partner: string;
  shards: number;
  after: EventPlace | null;
  keptMs: number;
  fromMs?: number;
  beforeMs: number;
  limit: number;
  types?: readonly EventType[] | undefined;
  subject?: string | undefined;
  /** Only the events of one account. Its records are found by their own index, not among all of the partner. */
  of?: AccountEvents | undefined;
}>;

/**
 * - `last`: where the search ended, whether or not an event is there, and the log time there; `null` if it found no
 *   records.
 * - `newest`: a place after all events of all partners that are archived.
 * - `indexed`: the number of the newest batch that was searched, for `awaitEvents`.
 * - `isExpired`: events after `after` are not kept any more. The page then begins with the oldest one that is.
 * - `isLast`: there are no more events before `beforeMs`.
 * - `waitsFor`: more events are archived, but these shards may still log earlier ones. Once each has logged a record
 *   later than `afterMs`, the events up to that time can be read.
 */
export type EventsPage = Readonly<{
  rows: readonly EventRow[];
  last: (EventPlace & Readonly<{ timeMs: number }>) | null;
  newest: EventPlace | null;
  indexed: number;
  isExpired: boolean;
  isLast: boolean;
  waitsFor: Readonly<{ afterMs: number; shards: readonly number[] }> | null;
}>;

/**
 * Every method waits until the archive holds the batches `after`, so that a read shows every write that was
 * acknowledged before it; after a deadline it fails with OperatingError `log_unavailable`. A query that needs a
 * damaged batch fails with OperatingError `archive_damaged`, which names the batch. A page has fewer rows than
 * `limit` rather than more than `PAGE_BYTES_MAX` bytes.
 */
export interface ArchiveQueries {
  /** The records at these positions, in this order. All must exist in the log. Damaged ones are marked one by one. */
  records(at: readonly RecordPosition[]): Promise<readonly FoundRecord[]>;
  /** The batch at a position, with at most `limit` of its records; `undefined` if there is none. */
  batch(
    query: BatchPosition & Readonly<{ limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<LogBatch | undefined>;
  /** The newest `limit` records of a transfer on all shards, oldest first. Empty if it is not the partner's. */
  story(
    query: Readonly<{ partner: string; id: string; limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<readonly ArchivedRecord[]>;
  /** The current state of a transfer. With `owner`, only if the transfer belongs to that owner. */
  transfer(
    query: Readonly<{ partner: string; id: string; owner?: string | null }>,
    after: readonly BatchPosition[],
  ): Promise<TransferView | undefined>;
  /**
   * The record on shard `to` (command `credit` or `portion`) of message number `no` from shard `from`, which is a
   * part of this transfer. Messages are numbered per pair of shards.
   */
  part(
    query: Readonly<{ id: string; from: number; to: number; no: number }>,
    after: readonly BatchPosition[],
  ): Promise<ArchivedRecord | undefined>;
  /** Which transfers claimed these names (`claimOf`), as far as the archive holds the log of their home shard. */
  claims(
    query: Readonly<{ shard: number; names: readonly string[] }>,
    after: readonly BatchPosition[],
  ): Promise<ClaimsFound>;
  /**
   * The current state of a partner's transfers, optionally of one account, newest first, each once. Range and order
   * are by `createdAtMs`, the time of the record that created the transfer on its home shard. A page may be short or
   * even empty and still have a next one.
   */
  transfers(
    query: Range &
      Readonly<{ partner: string; account?: string | undefined; status?: TransferStatus | undefined }>,
    after: readonly BatchPosition[],
  ): Promise<Page<TransferView>>;
  /** An account after all records logged at or before `atMs`; `undefined` if it did not exist yet. */
  accountAt(
    query: Readonly<{ partner: string; account: string; atMs: number }>,
    after: readonly BatchPosition[],
  ): Promise<AccountView | undefined>;
  /**
   * Records of a programme's accepted acts that have no transfer, newest first by default. With `subject`, only the
   * acts that concern it are read.
   */
  acts(
    query: ActsRange & Readonly<{ partner: string; programme: string }>,
    after: readonly BatchPosition[],
  ): Promise<Page<ArchivedRecord>>;
  /**
   * An account's entries. Those of a system account are merged by time from all shards.
   *
   * @param query.seq seq of the account's newest entry, to detect entries that the archive lacks.
   * @param query.skipsBalances both balances of the statement are 0.
   */
  entries(
    query: EntriesRange &
      Readonly<{ partner: string; account: string; seq?: number | undefined; skipsBalances?: boolean }>,
    after: readonly BatchPosition[],
  ): Promise<Statement>;
  /** Sum and count of an account's entries whose seq is at most `seq`. */
  sum(
    query: Readonly<{ partner: string; account: string; seq: number }>,
    after: readonly BatchPosition[],
  ): Promise<EntriesSum>;
  /** Ids of a partner's accounts that start with `prefix` and come after `afterId`, in order of id. */
  accountIds(
    query: Readonly<{ partner: string; prefix: string; afterId?: string | undefined; limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<readonly string[]>;
  /** A partner's events, in the order of log time, shard, and position. */
  events(query: EventsQuery, after: readonly BatchPosition[]): Promise<EventsPage>;
  /** Resolves once the partner may have events in a batch after `indexed`, or after `waitMs`. */
  awaitEvents(partner: string, indexed: number, waitMs: number): Promise<void>;
}

/** The newest of the given batches, by shard. */
export function lastBatches(at: readonly RecordPosition[]): readonly BatchPosition[] {
  const newest = new Map<number, LogId>();
  for (const { shard, epoch, seq } of at) {
    const known = newest.get(shard);
    if (known === undefined || compareLogIds(known, { epoch, seq }) < 0) newest.set(shard, { epoch, seq });
  }
  return [...newest].map(([shard, { epoch, seq }]) => ({ shard, epoch, seq }));
}
