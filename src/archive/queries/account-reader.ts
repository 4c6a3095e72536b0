import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { historiesOf, historyName } from "../../actors/programmes/programmes.ts";
import type { AccountView, ActDone, LogRecord } from "../../actors/records/command.ts";
import { entryBytes } from "../../bounds/page-bytes.ts";
import { isDamage } from "../archive-error.ts";
import { listedBy } from "../batches/beginning.ts";
import { type Gap, type Gaps, upToGap } from "../batches/gaps.ts";
import { type HistoryKind, isOneKey, type Keys } from "../index/key-hash.ts";
import { BEGINNING, placeOfSlot } from "../index/slot.ts";
import type { SortedIndex } from "../index/sorted-index.ts";
import { comparePlaces, type Place } from "./cursor.ts";
import { type History, inOrder, type Stretch } from "./history.ts";
import { cursorOf, endBefore, type Found, type Line, page, within } from "./listing.ts";
import { type Change, changeAt, entryOf, versionOf } from "./posting.ts";
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
/** `seq` of the account's newest entry, where it is known. */
type AccountQuery = EntriesRange & AccountId & Readonly<{ seq?: number | undefined }>;

/** In which of the account's histories it was found. */
type FoundAs = Found & Readonly<{ kind: HistoryKind }>;

/** What the log says of single accounts. Every record is compared with what was asked for: the index holds hashes. */
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
    const { fromMs, toMs, limit } = query;
    return {
      ...page(this.#entryLines(query), limit, entryBytes),
      openingBalance: fromMs === undefined ? 0 : this.#balanceBefore(query, fromMs),
      closingBalance: this.#balanceBefore(query, toMs ?? Number.POSITIVE_INFINITY),
    };
  }

  /**
   * Reads the index, and one record to see whose it is: an account of a million entries must not cost a million
   * records. The count is what the index holds, so that an entry too many or too few shows beside the account's seq.
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
    const until = { toMs: atMs + 1 };
    const version = first(this.#inOrder(query, ["versions"], until, undefined));
    const view = version && versionOf(version.archived.record);
    const touch = first(this.#inOrder(query, ["entries", "holds"], until, undefined));
    if (view === undefined || touch === undefined) return view;
    // Right if the version is the newer one, too: nothing but a touch changes a balance.
    const { posted, held, seq } = changeAt(touch.archived.record, touch.place.slot) as Change;
    return { ...view, posted, held, seq };
  }

  /** What a programme was asked for, and did, without a transfer. */
  acts({
    partner,
    programme,
    subject,
    first: order,
    ...range
  }: ActsRange & Readonly<{ partner: string; programme: string }>): Page<ArchivedRecord> {
    const history = { partner, account: historyName(programme, subject) };
    const found = this.#inOrder(history, ["acts"], range, cursorOf(range), order);
    return page(linesOf(found), range.limit);
  }

  /** Its transfers where they began, within the range and before the cursor, newest first. */
  *beginnings(
    account: AccountId,
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: Place | undefined,
  ): Generator<Line<ArchivedRecord>> {
    for (const { archived, place, kind } of this.#inOrder(account, ["entries", "transfers"], range, cursor)) {
      // Of a transfer of another shape, or of another shard, the entry comes later.
      const begins = kind === "transfers" || archived.record.command.op === "transfer";
      yield { place, shown: begins ? archived : undefined };
    }
  }

  *#entryLines(query: AccountQuery): Generator<{ place: Place; shown: Entry }> {
    const { afterSeq = 0 } = query;
    for (const { archived, place } of this.#inOrder(query, ["entries"], query, cursorOf(query))) {
      const entry = entryOf(archived, place.slot);
      if (entry.seq <= afterSeq) return;
      yield { place, shown: entry };
    }
  }

  #inOrder(
    account: AccountId & Readonly<{ seq?: number | undefined }>,
    kinds: readonly HistoryKind[],
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: Place | undefined,
    order: Order = "newest",
  ): Iterable<FoundAs> {
    const gaps = this.#gaps.all;
    const found = this.#found(account, kinds, range, cursor, order, gaps);
    // Of an account's own entries their seqs show whether one is missing.
    const isComplete = gaps.length === 0 || isCounted(account, kinds);
    return isComplete ? found : upToGap(found, gaps, range, cursor, order);
  }

  *#found(
    account: AccountId & Readonly<{ seq?: number | undefined }>,
    kinds: readonly HistoryKind[],
    range: Pick<Range, "fromMs" | "toMs">,
    cursor: Place | undefined,
    order: Order,
    gaps: readonly Gap[],
  ): Generator<FoundAs> {
    const checkSeqs = gaps.length > 0 && isCounted(account, kinds);
    const kindOf = new Map<History, HistoryKind>();
    const stretches: Stretch[] = [];
    for (const kind of kinds) {
      for (const history of this.#historiesOf(account, kind)) {
        kindOf.set(history, kind);
        stretches.push(within(history, range, cursor, order));
      }
    }
    if (checkSeqs) for (const { history, to } of stretches) refuseGap(history, to, account.seq, gaps);
    for (const { history, at, place } of inOrder(stretches, order)) {
      if (checkSeqs) refuseGap(history, at + 1, account.seq, gaps);
      if (!history.isOf(place)) continue;
      const archived = this.#records.of(history, at);
      const kind = kindOf.get(history) as HistoryKind;
      if (concerns(archived, account, kind, place.slot)) yield { archived, place, kind };
    }
    if (checkSeqs) for (const { history, from } of stretches) refuseGap(history, from, account.seq, gaps);
  }

  /** One history, or one per shard. */
  #historiesOf(query: AccountId, kind: HistoryKind): readonly History[] {
    const partner = this.#keys.text(query.partner);
    const historyOn = (shard: number, ofShard?: number) => {
      const key = this.#keys.account(partner, query.account, kind, shard);
      return this.#index.history(key, this.#records.places, ofShard);
    };
    // Slices of a system account count each for itself: here the 64 bits of the hash must do.
    if (!isOneKey(query.account, kind)) return this.#records.shards.map((shard) => historyOn(shard, shard));
    const history = historyOn(0);
    return [this.#isOneAccounts(history, query) ? history : this.#ownOf(history, query)];
  }

  /**
   * An account's entries count from 1 without a gap. So if the newest one's seq is their number, no second
   * account is among them, and the first record tells whose they are.
   */
  #isOneAccounts(history: History, query: AccountId): boolean {
    const { length } = history;
    if (length === 0) return true;
    if (history.seq(length - 1) !== length && (this.#gaps.all.length === 0 || !isRising(history)))
      return false;
    for (const at of [0, length - 1, length >>> 1]) {
      try {
        return concerns(this.#records.of(history, at), query, "entries", history.slot(at));
      } catch (error) {
        // Any other one says it as well.
        if (!isDamage(error)) throw error;
      }
    }
    return true;
  }

  /** Another account has the same hash: every record is looked at, and what is the account's own stays. */
  #ownOf(history: History, query: AccountId): History {
    const own: number[] = [];
    for (let i = 0; i < history.length; i++) {
      if (concerns(this.#records.of(history, i), query, "entries", history.slot(i))) own.push(i);
    }
    return history.select(own);
  }

  /** `balance_after` of the last entry before a time; of a system account the sum of all before it. */
  #balanceBefore(query: AccountId & Pick<EntriesRange, "afterSeq">, timeMs: number): number {
    const [gap] = this.#gaps.all;
    if (gap !== undefined && isSystemAccount(query.account) && gap.place.timeMs < timeMs) throw gap.error;
    if (!isSystemAccount(query.account)) {
      const newest = first(this.#inOrder(query, ["entries"], { toMs: timeMs }, undefined));
      const entry = newest && entryOf(newest.archived, newest.place.slot);
      return entry === undefined || entry.seq <= (query.afterSeq ?? 0) ? 0 : entry.balanceAfter;
    }
    const total = new Tally();
    for (const history of this.#historiesOf(query, "entries"))
      history.tally(total, endBefore(history, timeMs), Number.POSITIVE_INFINITY);
    return Number(total.sum);
  }
}

/** Whether what is looked for are entries that count from 1 without a gap. */
function isCounted({ account }: AccountId, kinds: readonly HistoryKind[]): boolean {
  return kinds.every((kind) => isOneKey(account, kind));
}

/** Two accounts with one hash would have some seqs twice. */
function isRising(history: History): boolean {
  for (let at = 1; at < history.length; at++) if (history.seq(at) <= history.seq(at - 1)) return false;
  return true;
}

/**
 * @param at between the entry before it and this one none may be missing.
 * @param newest the account's newest seq, if it is known.
 * @throws ArchiveError `archive_damaged`: some are, in a batch that the index lacks.
 */
function refuseGap(history: History, at: number, newest: number | undefined, gaps: readonly Gap[]): void {
  const before = at === 0 ? 0 : history.seq(at - 1);
  const next = at < history.length ? history.seq(at) : Math.max(before, newest ?? 0) + 1;
  if (next === before + 1) return;
  const isAfter = ({ place }: Gap) => at === 0 || comparePlaces(place, history.place(at - 1)) > 0;
  const gap = gaps.findLast(isAfter) ?? gaps[0];
  if (gap !== undefined) throw gap.error;
}

/** Whether what a slot stands for is the account's, and of this kind: another key may have the same hash. */
function concerns(
  { record }: ArchivedRecord,
  { partner, account }: AccountId,
  kind: HistoryKind,
  slot: number,
): boolean {
  if (record.command.partner !== partner) return false;
  if (kind === "versions") return versionOf(record)?.id === account;
  if (kind === "transfers") return listedBy(record)[placeOfSlot(slot) - BEGINNING] === account;
  if (kind === "acts") return isActOf(record, account);
  const change = changeAt(record, slot);
  return change?.account === account && (change.amount === 0) === (kind === "holds");
}

/** Whether an act is a part of this history: a programme's, or that of somebody it concerns. */
function isActOf({ command, outcome }: LogRecord, history: string): boolean {
  if (command.op !== "act" || !outcome.ok) return false;
  const { act } = command;
  return act.programme === history || historiesOf(act, (outcome as ActDone).effect).includes(history);
}

function* linesOf(found: Iterable<Found>): Generator<Line<ArchivedRecord>> {
  for (const { archived, place } of found) yield { place, shown: archived };
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const each of all) return each;
  return undefined;
}
