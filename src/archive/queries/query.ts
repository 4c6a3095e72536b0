/** What can be asked of the archive, and how it answers. Plain data: it crosses threads. */
import type { Act } from "../../actors/records/act.ts";
import type { AccountView, LogRecord } from "../../actors/records/command.ts";
import type { TransferStatus, TransferView } from "../../actors/records/compound-command.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";

/** Where a record stands: its batch, and its place within the batch. */
export type Location = Readonly<{ shard: number; epoch: number; seq: number; index: number }>;

export type ArchivedRecord = Readonly<{ at: Location; timeMs: number; record: LogRecord }>;

/** In the place of a record that stands in a damaged batch. `damaged` says which, and why, for people. */
export type DamagedRecord = Readonly<{ at: Location; damaged: string }>;

export type FoundRecord = ArchivedRecord | DamagedRecord;

/** The newest batch of a shard that an answer must include. */
export type Position = Readonly<{ shard: number; epoch: number; seq: number }>;

/**
 * One account's side of a posting; `at` and `timeMs` are those of the account's own record, which the two sides of a
 * transfer across shards have each for itself. `balanceAfter` and `seq` of a system account are its slice's.
 */
export type Entry = Readonly<{
  at: Location;
  timeMs: number;
  seq: number;
  transferId: string;
  amount: number;
  balanceAfter: number;
  counterparty: string;
  memo: string | null;
  metadata: string | null;
  /** When it happened, where the caller has said so. */
  occurredAtMs: number | null;
  /** Of the programme that moved it. */
  act?: Act;
}>;

/** From `fromMs` (inclusive) to `toMs` (exclusive), newest first; `cursor` is opaque and came from the page before. */
export type Range = Readonly<{
  fromMs?: number | undefined;
  toMs?: number | undefined;
  limit: number;
  cursor?: string | undefined;
}>;

/** `afterSeq`: what came no later than this entry of the account is as if it had never been. */
export type EntriesRange = Range & Readonly<{ afterSeq?: number | undefined }>;
/** What is first in a list. */
export type Order = "newest" | "oldest";

export type ActsRange = Range & Readonly<{ subject?: string | undefined; first?: Order }>;

/**
 * `cursors`: for each row the one that leads on behind it. Whoever shows only some of the rows, or ends the page where it
 * would become too large, goes on from there.
 */
export type Page<T> = Readonly<{
  data: readonly T[];
  cursors: readonly string[];
  nextCursor: string | null;
}>;

/** `openingBalance` is the balance before `fromMs`, `closingBalance` the one just before `toMs`. */
export type Statement = Page<Entry> & Readonly<{ openingBalance: number; closingBalance: number }>;

/**
 * `by`: for each name the transfer that has taken it (empty where an act without one has), or `null`. Nobody else had taken
 * any of them up to `epoch-seq` of the shard's log; that is 0-0 where the archive holds nothing of it.
 */
export type ClaimsFound = Readonly<{ by: readonly (string | null)[]; epoch: number; seq: number }>;

export type EntriesSum = Readonly<{ sum: number; count: number }>;

/**
 * Every method waits until the archive holds all of `after` (its own deadline, then OperatingError
 * `log_unavailable`), so that a read shows every write that was answered before it. What cannot be answered without a
 * damaged batch is refused with OperatingError `archive_damaged`, which names it. A page ends short
 * rather than become larger than `PAGE_BYTES_MAX`.
 */
export interface ArchiveQueries {
  /** The records at these places, in this order; all must exist in the log. A damaged one spoils no other. */
  records(at: readonly Location[]): Promise<readonly FoundRecord[]>;
  /** The transfer with this id, as all that its home has accepted has left it; of this owner alone, if one is named. */
  transfer(
    query: Readonly<{ partner: string; id: string; owner?: string | null }>,
    after: readonly Position[],
  ): Promise<TransferView | undefined>;
  /**
   * The record (command `credit` or `portion`) of message `no` from shard `from` to shard `to`, which is a part of this
   * transfer. (Numbers count for each pair of shards, and a transfer may have parts on several.)
   */
  part(
    query: Readonly<{ id: string; from: number; to: number; no: number }>,
    after: readonly Position[],
  ): Promise<ArchivedRecord | undefined>;
  /** Who has taken these names (`claimOf`), as far as the archive holds the log of their home shard. */
  claims(
    query: Readonly<{ shard: number; names: readonly string[] }>,
    after: readonly Position[],
  ): Promise<ClaimsFound>;
  /**
   * Transfers of a partner (of one account of it) as they stand now, newest first, each once. Range and order go by the
   * record of its home that began it, whose time is `createdAtMs`. A page may be short, or empty, and have a next one all
   * the same.
   */
  transfers(
    query: Range &
      Readonly<{ partner: string; account?: string | undefined; status?: TransferStatus | undefined }>,
    after: readonly Position[],
  ): Promise<Page<TransferView>>;
  /** An account as it stood after everything that was logged at `atMs` or before; `undefined` before it existed. */
  accountAt(
    query: Readonly<{ partner: string; account: string; atMs: number }>,
    after: readonly Position[],
  ): Promise<AccountView | undefined>;
  /**
   * Records of a programme's acts that came without a transfer and were accepted, newest first unless it is said otherwise.
   * With a `subject` those that concern it: no others are read.
   */
  acts(
    query: ActsRange & Readonly<{ partner: string; programme: string }>,
    after: readonly Position[],
  ): Promise<Page<ArchivedRecord>>;
  /**
   * An account's entries. A system account's come merged by time from all shards.
   *
   * @param query.seq of the account's newest entry: shows whether the archive lacks some.
   */
  entries(
    query: EntriesRange & Readonly<{ partner: string; account: string; seq?: number | undefined }>,
    after: readonly Position[],
  ): Promise<Statement>;
  /** Sum and number of an account's entries whose seq is at most `seq`. */
  sum(
    query: Readonly<{ partner: string; account: string; seq: number }>,
    after: readonly Position[],
  ): Promise<EntriesSum>;
  /** Ids of a partner's accounts that begin with `prefix`, in order of id, those after `afterId`. */
  accountIds(
    query: Readonly<{ partner: string; prefix: string; afterId?: string | undefined; limit: number }>,
    after: readonly Position[],
  ): Promise<readonly string[]>;
}

/** The newest batch of each shard that is named. */
export function lastBatches(at: readonly Location[]): readonly Position[] {
  const newest = new Map<number, LogId>();
  for (const { shard, epoch, seq } of at) {
    const known = newest.get(shard);
    if (known === undefined || compareLogIds(known, { epoch, seq }) < 0) newest.set(shard, { epoch, seq });
  }
  return [...newest].map(([shard, { epoch, seq }]) => ({ shard, epoch, seq }));
}
