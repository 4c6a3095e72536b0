/** Answers queries on transfers, and assembles all answers of the archive. */
import { originOf } from "../../actors/ledger/command-home.ts";
import { claimOf } from "../../actors/ledger/limits/claim-names.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import type { ExpiredTransfer, TransferStatus, TransferView } from "../../actors/records/compound-command.ts";
import {
  createsTransfer,
  isPart,
  isWhole,
  transferIdOf,
  transferOf,
} from "../../actors/records/record-views.ts";
import { textsOf } from "../../actors/records/transfer-details.ts";
import { rowBytes } from "../../bounds/page-bytes.ts";
import type { LogId } from "../../wal/wal.ts";
import type { BatchTable } from "../batches/batch-table.ts";
import type { DamageTable } from "../batches/damage-table.ts";
import { Gaps, untilGap } from "../batches/gaps.ts";
import type { Keys } from "../index/key-hash.ts";
import { CLAIM, HOME_RECORD, ordinalOfSlot, REMOTE_PART, recordOfSlot, slotOf } from "../index/slot.ts";
import type { SortedIndex } from "../index/sorted-index.ts";
import { type AccountId, AccountReader } from "./account-reader.ts";
import type { AccountTable } from "./account-table.ts";
import { compareSortKeys, type SortKey } from "./cursor.ts";
import { EventReader } from "./event-reader.ts";
import { mergeHistories } from "./history.ts";
import { cursorOf, type Found, type ListItem, page, within } from "./listing.ts";
import type { ArchivedRecord, ArchiveQueries, FoundRecord, Page, Range, RecordPosition } from "./query.ts";
import { RecordReader } from "./record-reader.ts";

/** `ArchiveQueries` as synchronous functions, without waiting for batches. */
export type ArchiveAnswers = {
  [Method in Exclude<keyof ArchiveQueries, "awaitEvents">]: (
    query: Parameters<ArchiveQueries[Method]>[0],
  ) => Awaited<ReturnType<ArchiveQueries[Method]>>;
};

/** Answers queries from the index and the batches. */
export function archiveAnswers(
  batches: BatchTable,
  damages: DamageTable,
  accountTable: AccountTable,
  keys: Keys,
  indexes: Readonly<{ accounts: SortedIndex; transfers: SortedIndex; partners: SortedIndex }>,
  indexedPosition: (shard: number) => LogId | undefined,
  indexed: () => number,
): ArchiveAnswers {
  const records = new RecordReader(batches);
  const gaps = new Gaps(damages, batches);
  const accounts = new AccountReader(records, gaps, keys, indexes.accounts);
  const transfers = new TransferReader(records, gaps, keys, indexes, accounts);
  const events = new EventReader({
    records,
    gaps,
    keys,
    accounts,
    byPartner: indexes.partners,
    indexedPosition,
  });
  return {
    records: (at: readonly RecordPosition[]): readonly FoundRecord[] => at.map((each) => records.find(each)),
    batch: (query) => records.batch(query),
    story: (query) => transfers.story(query),
    transfer: (query) => transfers.transfer(query),
    part: (query) => transfers.part(query),
    claims: ({ shard, names }) => {
      const { epoch, seq } = indexedPosition(shard) ?? { epoch: 0, seq: 0 };
      return { by: names.map((name) => transfers.claimantOf(name, shard) ?? null), epoch, seq };
    },
    transfers: (query) => transfers.transfers(query),
    accountAt: (query) => accounts.accountAt(query),
    acts: (query) => accounts.acts(query),
    entries: (query) => accounts.entries(query),
    sum: (query) => accounts.sum(query),
    accountIds: ({ partner, prefix, afterId, limit }) =>
      accountTable.list(partner, prefix, afterId ?? "", limit),
    events: (query) => ({ ...events.events(query), indexed: indexed() }),
  };
}

type TransfersQuery = Range &
  Readonly<{ partner: string; account?: string | undefined; status?: TransferStatus | undefined }>;

/** A slot above that of any record: gives a sort key after the whole batch. */
const SLOT_AFTER_ALL = Number.MAX_SAFE_INTEGER;

/** Queries on transfers. A plain transfer has one record, a compound transfer several. */
export class TransferReader {
  readonly #records: RecordReader;
  readonly #gaps: Gaps;
  readonly #keys: Keys;
  readonly #byTransfer: SortedIndex;
  readonly #byPartner: SortedIndex;
  readonly #accounts: AccountReader;

  constructor(
    records: RecordReader,
    gaps: Gaps,
    keys: Keys,
    indexes: Readonly<{ transfers: SortedIndex; partners: SortedIndex }>,
    accounts: AccountReader,
  ) {
    this.#records = records;
    this.#gaps = gaps;
    this.#keys = keys;
    this.#byTransfer = indexes.transfers;
    this.#byPartner = indexes.partners;
    this.#accounts = accounts;
  }

  transfer(
    query: Readonly<{ partner: string; id: string; owner?: string | null }>,
  ): TransferView | undefined {
    const { partner, id, owner = null } = query;
    const view = this.#viewFromHome(id, partner);
    return view !== undefined && (owner === null || originOf(view).owner === owner) ? view : undefined;
  }

  /** Records with the same time are of one crossing: those of the home shard come first. */
  story({
    partner,
    id,
    limit,
  }: Readonly<{ partner: string; id: string; limit: number }>): readonly ArchivedRecord[] {
    const found: ArchivedRecord[] = [];
    for (const side of [HOME_RECORD, REMOTE_PART] as const)
      for (const archived of this.#recordsOf(id, side)) {
        if (archived.record.command.partner !== partner) return [];
        found.push(archived);
        if (found.length >= 2 * limit) break;
      }
    return found.toSorted((a, b) => a.timeMs - b.timeMs).slice(-limit);
  }

  part(query: Readonly<{ id: string; from: number; to: number; no: number }>): ArchivedRecord | undefined {
    const { id, from, to, no } = query;
    for (const archived of this.#recordsOf(id, REMOTE_PART))
      if (archived.at.shard === to && isPart(archived.record, from, no)) return archived;
    this.#checkShardHasNoGap(to);
    return undefined;
  }

  /**
   * The id of the transfer that claimed the name; empty if an act without a transfer did; `undefined` if it is
   * unclaimed.
   *
   * @param shard the home shard of the name.
   * @throws ArchiveError `archive_damaged`: the claim may be in a batch that the index skipped.
   */
  claimantOf(name: string, shard: number): string | undefined {
    const history = this.#byTransfer.history(this.#keys.text(name), this.#records.batchPositions);
    for (let i = 0; i < history.length; i++) {
      if (ordinalOfSlot(history.slot(i)) !== CLAIM) continue;
      const { command, outcome } = this.#records.of(history, i).record;
      // The index holds hashes: another name may have the same one.
      if (outcome.ok && claimOf(command) === name) return "id" in outcome ? outcome.id : "";
    }
    this.#checkShardHasNoGap(shard);
    return undefined;
  }

  transfers(query: TransfersQuery): Page<TransferView> {
    const { account, status, limit } = query;
    const items =
      account === undefined
        ? this.#itemsOfPartner(query)
        : this.#itemsOfAccount(query, { ...query, account });
    return page(filtered(items, status), limit, (view) => rowBytes(textsOf(view), view.postings.length));
  }

  /** The partner's transfers in order of creation, within the range and after the cursor, newest first. */
  *#itemsOfPartner(query: TransfersQuery): Generator<ListItem<TransferView>> {
    for (const { archived, sortKey } of this.#createdTransfers(query))
      yield { sortKey, shown: this.#currentView(archived) };
  }

  /** The account's transfers in order of creation, within the range and after the cursor, newest first. */
  *#itemsOfAccount(query: Range, account: AccountId): Generator<ListItem<TransferView>> {
    for (const { sortKey, shown } of this.#accounts.createdTransfers(account, query, cursorOf(query)))
      yield { sortKey, shown: shown && this.#currentView(shown) };
  }

  /** The current state of the transfer that a record created. */
  #currentView(archived: ArchivedRecord): TransferView | undefined {
    const transfer = transferOf(archived.record, archived.timeMs);
    if (transfer === undefined) return undefined;
    if (isWhole(transfer) && transfer.status !== "pending") return transfer;
    return this.#viewFromHome(transfer.id, archived.record.command.partner);
  }

  /** The transfer after the newest record of its home shard; `undefined` if it belongs to another partner. */
  #viewFromHome(id: string, partner: string): TransferView | undefined {
    let newest: ExpiredTransfer | undefined;
    for (const archived of this.#recordsOf(id, HOME_RECORD)) {
      if (archived.record.command.partner !== partner) return undefined;
      const transfer = transferOf(archived.record, archived.timeMs);
      if (transfer === undefined) return undefined;
      if (newest === undefined && transfer.status === "pending") this.#checkNoGapAfter(archived);
      // An expiry record has only changed fields; older records have the rest.
      if (isWhole(transfer)) return { ...transfer, ...newest };
      newest = transfer;
    }
    const epoch = parseTransferId(id)?.epoch;
    this.#checkNoGap((sortKey) => sortKey.epoch === epoch);
    return undefined;
  }

  /** A record may be in a damaged batch of its shard, or in one whose shard is unknown. */
  #checkShardHasNoGap(shard: number): void {
    this.#checkNoGap((sortKey) => sortKey.shard === shard || sortKey.epoch === 0);
  }

  /** A newer record may be in a damaged batch after this one. */
  #checkNoGapAfter({ at }: ArchivedRecord): void {
    this.#checkNoGap(({ shard, epoch, seq }) => shard === at.shard && (epoch - at.epoch || seq - at.seq) > 0);
  }

  /** @throws ArchiveError `archive_damaged`: the record may be in such a batch, which the index skipped. */
  #checkNoGap(mayHold: (sortKey: SortKey) => boolean): void {
    const gap = this.#gaps.all.find(({ sortKey }) => mayHold(sortKey));
    if (gap !== undefined) throw gap.error;
  }

  /** A transfer's records on its home shard, or of its parts on other shards; newest first within a shard. */
  *#recordsOf(id: string, side: typeof HOME_RECORD | typeof REMOTE_PART): Generator<ArchivedRecord> {
    const history = this.#byTransfer.history(this.#keys.text(id), this.#records.batchPositions);
    for (let i = history.length - 1; i >= 0; i--) {
      if (ordinalOfSlot(history.slot(i)) !== side) continue;
      const archived = this.#records.of(history, i);
      if (transferIdOf(archived.record) === id) yield archived;
    }
  }

  #createdTransfers(query: TransfersQuery): Iterable<Found> {
    const cursor = cursorOf(query);
    const gaps = this.#gaps.all;
    const found = this.#readCreatedTransfers(query, cursor);
    return gaps.length === 0 ? found : untilGap(found, gaps, query, cursor);
  }

  *#readCreatedTransfers(query: TransfersQuery, cursor: SortKey | undefined): Generator<Found> {
    const { partner } = query;
    const ranges = this.#records.shards.map((shard) =>
      within(
        this.#byPartner.history(this.#keys.partner(partner, shard), this.#records.batchPositions, shard),
        query,
        cursor === undefined ? undefined : { ...cursor, slot: SLOT_AFTER_ALL },
      ),
    );
    for (const { history, at, sortKey } of mergeHistories(ranges, "newest")) {
      if (!history.isOf(sortKey)) continue;
      const batch = this.#records.batchOf(history, at);
      const isCut = cursor !== undefined && compareSortKeys({ ...sortKey, slot: cursor.slot }, cursor) === 0;
      const end = isCut ? Math.min(recordOfSlot(cursor.slot), batch.count) : batch.count;
      for (let index = end - 1; index >= 0; index--) {
        const archived = this.#records.inBatch(batch, index);
        const { record } = archived;
        if (!createsTransfer(record) || record.command.partner !== partner) continue;
        yield { archived, sortKey: sortKeyAt(sortKey, index) };
      }
    }
  }
}

function sortKeyAt(batch: SortKey, index: number): SortKey {
  return { ...batch, slot: slotOf(index, 0) };
}

function* filtered(
  items: Iterable<ListItem<TransferView>>,
  status: TransferStatus | undefined,
): Generator<ListItem<TransferView>> {
  for (const { sortKey, shown } of items) {
    const isWanted = status === undefined || shown?.status === status;
    yield { sortKey, shown: isWanted ? shown : undefined };
  }
}
