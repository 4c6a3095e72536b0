/** Answers queries on accounts: statements, sums, past states, acts. */
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { historiesOf, historyName } from "../../actors/programmes/programmes.ts";
import { type AccountView, acceptedOf, type LogRecord } from "../../actors/records/command.ts";
import { versionOf } from "../../actors/records/record-views.ts";
import { textsOf } from "../../actors/records/transfer-details.ts";
import { rowBytes } from "../../bounds/page-bytes.ts";
import { assert } from "../../errors/assert.ts";
import { isDamage } from "../archive-error.ts";
import { type Gap, type Gaps, untilGap } from "../batches/gaps.ts";
import { accountsListing } from "../batches/transfer-lists.ts";
import { type HistoryKind, hasSingleKey, type Keys } from "../index/key-hash.ts";
import { CREATED_TRANSFER, ordinalOfSlot } from "../index/slot.ts";
import type { SortedIndex } from "../index/sorted-index.ts";
import { compareSortKeys, type SortKey } from "./cursor.ts";
import { changeAt, entryOf } from "./entries-of-slots.ts";
import { type History, type HistoryRange, mergeHistories } from "./history.ts";
import { cursorOf, endBefore, type Found, type ListItem, page, within } from "./listing.ts";
import type {
  ActsRange,
  ArchivedRecord,
  EntriesRange,
  EntriesSum,
  Entry,
  Order,
  Page,
  Range,
  Statement,
} from "./query.ts";
import type { RecordReader } from "./record-reader.ts";
import { Tally } from "./tally.ts";

export type AccountId = Readonly<{ partner: string; account: string }>;
/** `seq`: that of the account's newest entry, if known. */
type AccountQuery = EntriesRange &
  AccountId &
  Readonly<{ seq?: number | undefined; skipsBalances?: boolean }>;

/** `kind`: the history in which the record was found. */
type FoundInHistory = Found & Readonly<{ kind: HistoryKind }>;

/** Queries on single accounts. Every record is compared with the query, since the index holds only hashes. */
export class AccountReader {
  readonly #records: RecordReader;
  readonly #gaps: Gaps;
  readonly #keys: Keys;
  readonly #index: SortedIndex;

  constructor(records: RecordReader, gaps: Gaps, keys: Keys, index: SortedIndex) {
    this.#records = records;
    this.#gaps = gaps;
    this.#keys = keys;
    this.#index = index;
  }

  entries(query: AccountQuery): Statement {
    const { fromMs, toMs, limit, skipsBalances = false } = query;
    const entries = page(this.#entryItems(query), limit, (entry) => rowBytes(textsOf(entry)));
    // The balances of a system account are sums over its whole history.
    if (skipsBalances) return { ...entries, openingBalance: 0, closingBalance: 0 };
    return {
      ...entries,
      openingBalance: fromMs === undefined ? 0 : this.#balanceBefore(query, fromMs),
      closingBalance: this.#balanceBefore(query, toMs ?? Number.POSITIVE_INFINITY),
    };
  }

  /**
   * Reads only the index, and one record to verify the account: an account with a million entries must not cost a
   * million records. `count` is the number of index entries, which the caller can compare with the account's seq.
   */
  sum(query: AccountId & Readonly<{ seq: number }>): EntriesSum {
    const total = new Tally();
    for (const history of this.#historiesOf(query, "entries"))
      history.tally(total, history.length, query.seq);
    const [gap] = this.#gaps.all;
    if (gap !== undefined && (isSystemAccount(query.account) || total.count !== query.seq)) throw gap.error;
    return { sum: Number(total.sum), count: total.count };
  }

  accountAt({ partner, account, atMs }: AccountId & Readonly<{ atMs: number }>): AccountView | undefined {
    const query = { partner, account };
    const range = { toMs: atMs + 1 };
    const version = first(this.#list(query, ["versions"], range, undefined));
    const view = version && versionOf(version.archived.record);
    const newestChange = first(this.#list(query, ["entries", "holds"], range, undefined));
    if (view === undefined || newestChange === undefined) return view;
    // Also right if the version is newer: only entries and holds change balances.
    const change = changeAt(newestChange.archived.record, newestChange.sortKey.slot);
    assert(change !== undefined, "a listed record has the change of its slot");
    const { posted, held, seq } = change;
    return { ...view, posted, held, seq };
  }

  /** Accepted acts without a transfer. */
  acts({
    partner,
    programme,
    subject,
    first: order,
    ...range
  }: ActsRange & Readonly<{ partner: string; programme: string }>): Page<ArchivedRecord> {
    const history = { partner, account: historyName(programme, subject) };
    const found = this.#list(history, ["acts"], range, cursorOf(range), order);
    return page(toItems(found), range.limit);
  }

  /** The records that changed the account or made a transfer of it, and the programme's acts about it, oldest first. */
  *recordsOf(
    { partner, account, programme }: AccountId & Readonly<{ programme: string }>,
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: SortKey | undefined,
  ): Generator<Found> {
    const acts = { partner, account: historyName(programme, account) };
    const ofAccount = this.#list(
      { partner, account },
      ["entries", "holds", "transfers"],
      range,
      cursor,
      "oldest",
    );
    yield* merged(ofAccount, this.#list(acts, ["acts"], range, cursor, "oldest"));
  }

  /** The records that created transfers of the account, within the range and after the cursor, newest first. */
  *createdTransfers(
    account: AccountId,
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: SortKey | undefined,
  ): Generator<ListItem<ArchivedRecord>> {
    for (const { archived, sortKey, kind } of this.#list(account, ["entries", "transfers"], range, cursor)) {
      // Entries of compound and cross-shard transfers do not create them.
      const isFirst = kind === "transfers" || archived.record.command.op === "transfer";
      yield { sortKey, shown: isFirst ? archived : undefined };
    }
  }

  *#entryItems(query: AccountQuery): Generator<{ sortKey: SortKey; shown: Entry }> {
    const { afterSeq = 0 } = query;
    for (const { archived, sortKey } of this.#list(query, ["entries"], query, cursorOf(query))) {
      const entry = entryOf(archived, sortKey.slot);
      if (entry.seq <= afterSeq) return;
      yield { sortKey, shown: entry };
    }
  }

  #list(
    account: AccountId & Readonly<{ seq?: number | undefined }>,
    kinds: readonly HistoryKind[],
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: SortKey | undefined,
    order: Order = "newest",
  ): Iterable<FoundInHistory> {
    const gaps = this.#gaps.all;
    const found = this.#listRecords(account, kinds, range, cursor, order, gaps);
    // Seqs of an account's own entries are contiguous, so they show whether one is missing.
    const isComplete = gaps.length === 0 || isCounted(account, kinds);
    return isComplete ? found : untilGap(found, gaps, range, cursor, order);
  }

  *#listRecords(
    account: AccountId & Readonly<{ seq?: number | undefined }>,
    kinds: readonly HistoryKind[],
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: SortKey | undefined,
    order: Order,
    gaps: readonly Gap[],
  ): Generator<FoundInHistory> {
    const checkSeqs = gaps.length > 0 && isCounted(account, kinds);
    const kindByHistory = new Map<History, HistoryKind>();
    const ranges: HistoryRange[] = [];
    for (const kind of kinds) {
      for (const history of this.#historiesOf(account, kind)) {
        kindByHistory.set(history, kind);
        ranges.push(within(history, range, cursor, order));
      }
    }
    if (checkSeqs) for (const { history, to } of ranges) checkNoGap(history, to, account.seq, gaps);
    for (const { history, at, sortKey } of mergeHistories(ranges, order)) {
      if (checkSeqs) checkNoGap(history, at + 1, account.seq, gaps);
      if (!history.isOf(sortKey)) continue;
      const archived = this.#records.of(history, at);
      const kind = kindByHistory.get(history) as HistoryKind;
      if (isOwnRecord(archived, account, kind, sortKey.slot)) yield { archived, sortKey, kind };
    }
    if (checkSeqs) for (const { history, from } of ranges) checkNoGap(history, from, account.seq, gaps);
  }

  /** The account's history, or one history per shard. */
  #historiesOf(query: AccountId, kind: HistoryKind): readonly History[] {
    const partner = this.#keys.text(query.partner);
    const historyOn = (shard: number, ofShard?: number) => {
      const key = this.#keys.account(partner, query.account, kind, shard);
      return this.#index.history(key, this.#records.batchPositions, ofShard);
    };
    // Seqs of a system account count per shard, so collisions cannot be detected here: rely on the 64-bit hash.
    if (!hasSingleKey(query.account, kind))
      return this.#records.shards.map((shard) => historyOn(shard, shard));
    const history = historyOn(0);
    return [this.#holdsOneAccount(history, query) ? history : this.#filterOwn(history, query)];
  }

  /**
   * An account's entries have the seqs 1, 2, … So if the newest seq equals their number, all entries belong to one
   * account, and any record tells whether it is the right one.
   */
  #holdsOneAccount(history: History, query: AccountId): boolean {
    const { length } = history;
    if (length === 0) return true;
    if (history.seq(length - 1) !== length && (this.#gaps.all.length === 0 || !isRising(history)))
      return false;
    for (const at of [0, length - 1, length >>> 1]) {
      try {
        return isOwnRecord(this.#records.of(history, at), query, "entries", history.slot(at));
      } catch (error) {
        // Any other record will do.
        if (!isDamage(error)) throw error;
      }
    }
    return true;
  }

  /** Another account has the same hash: read every record and keep the account's own. */
  #filterOwn(history: History, query: AccountId): History {
    const own: number[] = [];
    for (let i = 0; i < history.length; i++) {
      if (isOwnRecord(this.#records.of(history, i), query, "entries", history.slot(i))) own.push(i);
    }
    return history.select(own);
  }

  /** The balance before a time: `balanceAfter` of the last entry, or for a system account the sum of all entries. */
  #balanceBefore(query: AccountId & Pick<EntriesRange, "afterSeq">, timeMs: number): number {
    const [gap] = this.#gaps.all;
    if (gap !== undefined && isSystemAccount(query.account) && gap.sortKey.timeMs < timeMs) throw gap.error;
    if (!isSystemAccount(query.account)) {
      const newest = first(this.#list(query, ["entries"], { toMs: timeMs }, undefined));
      const entry = newest && entryOf(newest.archived, newest.sortKey.slot);
      return entry === undefined || entry.seq <= (query.afterSeq ?? 0) ? 0 : entry.balanceAfter;
    }
    const total = new Tally();
    for (const history of this.#historiesOf(query, "entries"))
      history.tally(total, endBefore(history, timeMs), Number.POSITIVE_INFINITY);
    return Number(total.sum);
  }
}

/** Whether the histories hold only entries with the contiguous seqs 1, 2, … */
function isCounted({ account }: AccountId, kinds: readonly HistoryKind[]): boolean {
  return kinds.every((kind) => hasSingleKey(account, kind));
}

/** Whether seqs strictly increase. The entries of two colliding accounts would repeat some. */
function isRising(history: History): boolean {
  for (let at = 1; at < history.length; at++) if (history.seq(at) <= history.seq(at - 1)) return false;
  return true;
}

/**
 * Checks by seq that no entry is missing between the entry before `at` and the one at `at`.
 *
 * @param newest the account's newest seq, if known.
 * @throws ArchiveError `archive_damaged`: entries are missing; they are in a batch that the index skipped.
 */
function checkNoGap(history: History, at: number, newest: number | undefined, gaps: readonly Gap[]): void {
  const before = at === 0 ? 0 : history.seq(at - 1);
  const next = at < history.length ? history.seq(at) : Math.max(before, newest ?? 0) + 1;
  if (next === before + 1) return;
  const isAfter = ({ sortKey }: Gap) => at === 0 || compareSortKeys(sortKey, history.sortKey(at - 1)) > 0;
  const gap = gaps.findLast(isAfter) ?? gaps[0];
  if (gap !== undefined) throw gap.error;
}

/** Whether a record belongs to this history of the account: another key may have the same hash. */
function isOwnRecord(
  { record }: ArchivedRecord,
  { partner, account }: AccountId,
  kind: HistoryKind,
  slot: number,
): boolean {
  if (record.command.partner !== partner) return false;
  if (kind === "versions") return versionOf(record)?.id === account;
  if (kind === "transfers")
    return accountsListing(record)[ordinalOfSlot(slot) - CREATED_TRANSFER] === account;
  if (kind === "acts") return isActOf(record, account);
  const change = changeAt(record, slot);
  return change?.account === account && (change.amount === 0) === (kind === "holds");
}

/** Whether an act belongs to this history: its programme's, or one of its subjects'. */
function isActOf({ command, outcome }: LogRecord, history: string): boolean {
  if (command.op !== "act" || !outcome.ok) return false;
  const { act } = command;
  return act.programme === history || historiesOf(act, acceptedOf(command, outcome).effect).includes(history);
}

function* toItems(found: Iterable<Found>): Generator<ListItem<ArchivedRecord>> {
  for (const { archived, sortKey } of found) yield { sortKey, shown: archived };
}

/** Merges two lists, each of them oldest first. */
function* merged(one: Iterable<Found>, other: Iterable<Found>): Generator<Found> {
  const [a, b] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  let [nextA, nextB] = [a.next(), b.next()];
  while (nextA.done !== true || nextB.done !== true) {
    const isA =
      nextB.done === true ||
      (nextA.done !== true && compareSortKeys(nextA.value.sortKey, nextB.value.sortKey) < 0);
    if (isA && nextA.done !== true) {
      yield nextA.value;
      nextA = a.next();
    } else if (nextB.done !== true) {
      yield nextB.value;
      nextB = b.next();
    }
  }
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const each of all) return each;
  return undefined;
}
