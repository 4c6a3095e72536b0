import { originOf } from "../../actors/ledger/command-home.ts";
import { claimOf } from "../../actors/ledger/limits/claim-names.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import type { ExpiredTransfer, TransferStatus, TransferView } from "../../actors/records/compound-command.ts";
import { transferBytes } from "../../bounds/page-bytes.ts";
import type { LogId } from "../../wal/wal.ts";
import type { BatchTable } from "../batches/batch-table.ts";
import type { DamageTable } from "../batches/damage-table.ts";
import { Gaps, upToGap } from "../batches/gaps.ts";
import type { Keys } from "../index/key-hash.ts";
import { AT_HOME, AWAY, CLAIM, placeOfSlot, recordOfSlot, slotOf } from "../index/slot.ts";
import type { SortedIndex } from "../index/sorted-index.ts";
import { type AccountId, AccountReader } from "./account-reader.ts";
import type { AccountTable } from "./account-table.ts";
import { comparePlaces, type Place } from "./cursor.ts";
import { inOrder } from "./history.ts";
import { cursorOf, type Found, type Line, page, within } from "./listing.ts";
import { isBeginning, isPart, isWhole, transferIdOf, transferOf } from "./posting.ts";
import type { ArchivedRecord, ArchiveQueries, FoundRecord, Location, Page, Range } from "./query.ts";
import { RecordReader } from "./record-reader.ts";

/** `ArchiveQueries` without the waiting: what is asked of an archive by those who hold it. */
export type ArchiveAnswers = {
  [Method in keyof ArchiveQueries]: (
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
): ArchiveAnswers {
  const records = new RecordReader(batches);
  const gaps = new Gaps(damages, batches);
  const accounts = new AccountReader(records, gaps, keys, indexes.accounts);
  const transfers = new TransferReader(records, gaps, keys, indexes, accounts);
  return {
    records: (at: readonly Location[]): readonly FoundRecord[] => at.map((each) => records.find(each)),
    transfer: (query) => transfers.transfer(query),
    part: (query) => transfers.part(query),
    claims: ({ shard, names }) => {
      const { epoch, seq } = indexedPosition(shard) ?? { epoch: 0, seq: 0 };
      return { by: names.map((name) => transfers.takenBy(name, shard) ?? null), epoch, seq };
    },
    transfers: (query) => transfers.transfers(query),
    accountAt: (query) => accounts.accountAt(query),
    acts: (query) => accounts.acts(query),
    entries: (query) => accounts.entries(query),
    sum: (query) => accounts.sum(query),
    accountIds: ({ partner, prefix, afterId, limit }) =>
      accountTable.list(partner, prefix, afterId ?? "", limit),
  };
}

type TransfersQuery = Range &
  Readonly<{ partner: string; account?: string | undefined; status?: TransferStatus | undefined }>;

/** A slot above any record's: with a batch's place, the place behind all of it. */
const BEHIND_ALL = Number.MAX_SAFE_INTEGER;

/** Transfers as they stand now, whatever their records are: one of a plain transfer, many of a compound one. */
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
    const view = this.#newestOfHome(id, partner);
    return view !== undefined && (owner === null || originOf(view).owner === owner) ? view : undefined;
  }

  part(query: Readonly<{ id: string; from: number; to: number; no: number }>): ArchivedRecord | undefined {
    const { id, from, to, no } = query;
    for (const archived of this.#recordsOf(id, AWAY))
      if (archived.at.shard === to && isPart(archived.record, from, no)) return archived;
    this.#refuseGapOf(to);
    return undefined;
  }

  /**
   * The transfer that has taken the name (empty: an act without one); `undefined` while nobody has.
   *
   * @param shard the home of the name.
   * @throws ArchiveError `archive_damaged`: who has taken it may stand in a batch that the index lacks.
   */
  takenBy(name: string, shard: number): string | undefined {
    const history = this.#byTransfer.history(this.#keys.text(name), this.#records.places);
    for (let i = 0; i < history.length; i++) {
      if (placeOfSlot(history.slot(i)) !== CLAIM) continue;
      const { command, outcome } = this.#records.of(history, i).record;
      // The index holds hashes: another name may have the same one.
      if (outcome.ok && claimOf(command) === name) return "id" in outcome ? outcome.id : "";
    }
    this.#refuseGapOf(shard);
    return undefined;
  }

  transfers(query: TransfersQuery): Page<TransferView> {
    const { account, status, limit } = query;
    const lines =
      account === undefined
        ? this.#linesOfPartner(query)
        : this.#linesOfAccount(query, { ...query, account });
    return page(filtered(lines, status), limit, transferBytes);
  }

  /** The partner's transfers where they began, within the range and before the cursor, newest first. */
  *#linesOfPartner(query: TransfersQuery): Generator<Line<TransferView>> {
    for (const { archived, place } of this.#beginningsOf(query)) yield { place, shown: this.#now(archived) };
  }

  /** The account's transfers where they began, within the range and before the cursor, newest first. */
  *#linesOfAccount(query: Range, account: AccountId): Generator<Line<TransferView>> {
    for (const { place, shown } of this.#accounts.beginnings(account, query, cursorOf(query)))
      yield { place, shown: shown && this.#now(shown) };
  }

  /** The transfer that begins with a record, as it stands now. */
  #now(archived: ArchivedRecord): TransferView | undefined {
    const transfer = transferOf(archived);
    if (transfer === undefined) return undefined;
    if (isWhole(transfer) && transfer.status !== "pending") return transfer;
    return this.#newestOfHome(transfer.id, archived.record.command.partner);
  }

  /** As its home's newest record has left it; of another partner `undefined`. */
  #newestOfHome(id: string, partner: string): TransferView | undefined {
    let newest: ExpiredTransfer | undefined;
    for (const archived of this.#recordsOf(id, AT_HOME)) {
      if (archived.record.command.partner !== partner) return undefined;
      const transfer = transferOf(archived);
      if (transfer === undefined) return undefined;
      if (newest === undefined && transfer.status === "pending") this.#refuseGapAfter(archived);
      // A record of expiry leaves out what does not change: the record before it has that.
      if (isWhole(transfer)) return { ...transfer, ...newest };
      newest = transfer;
    }
    const epoch = parseTransferId(id)?.epoch;
    this.#refuseGap((place) => place.epoch === epoch);
    return undefined;
  }

  /** A damaged batch of this shard may hold the record; one whose place is not known may be of any shard. */
  #refuseGapOf(shard: number): void {
    this.#refuseGap((place) => place.shard === shard || place.epoch === 0);
  }

  /** A damaged batch behind this record may hold a newer one. */
  #refuseGapAfter({ at }: ArchivedRecord): void {
    this.#refuseGap(({ shard, epoch, seq }) => shard === at.shard && (epoch - at.epoch || seq - at.seq) > 0);
  }

  /** @throws ArchiveError `archive_damaged`: the record may be in such a batch, which the index lacks. */
  #refuseGap(mayHold: (place: Place) => boolean): void {
    const gap = this.#gaps.all.find(({ place }) => mayHold(place));
    if (gap !== undefined) throw gap.error;
  }

  /** A transfer's records of its home, or those of its parts on other shards; those of one shard newest first. */
  *#recordsOf(id: string, side: typeof AT_HOME | typeof AWAY): Generator<ArchivedRecord> {
    const history = this.#byTransfer.history(this.#keys.text(id), this.#records.places);
    for (let i = history.length - 1; i >= 0; i--) {
      if (placeOfSlot(history.slot(i)) !== side) continue;
      const archived = this.#records.of(history, i);
      if (transferIdOf(archived.record) === id) yield archived;
    }
  }

  #beginningsOf(query: TransfersQuery): Iterable<Found> {
    const cursor = cursorOf(query);
    const gaps = this.#gaps.all;
    const found = this.#beginnings(query, cursor);
    return gaps.length === 0 ? found : upToGap(found, gaps, query, cursor);
  }

  *#beginnings(query: TransfersQuery, cursor: Place | undefined): Generator<Found> {
    const { partner } = query;
    const stretches = this.#records.shards.map((shard) =>
      within(
        this.#byPartner.history(this.#keys.partner(partner, shard), this.#records.places, shard),
        query,
        cursor === undefined ? undefined : { ...cursor, slot: BEHIND_ALL },
      ),
    );
    for (const { history, at, place } of inOrder(stretches, "newest")) {
      if (!history.isOf(place)) continue;
      const batch = this.#records.batchOf(history, at);
      const isCut = cursor !== undefined && comparePlaces({ ...place, slot: cursor.slot }, cursor) === 0;
      const end = isCut ? Math.min(recordOfSlot(cursor.slot), batch.count) : batch.count;
      for (let index = end - 1; index >= 0; index--) {
        const archived = this.#records.inBatch(batch, index);
        const { record } = archived;
        if (!isBeginning(record) || record.command.partner !== partner) continue;
        yield { archived, place: placeAt(place, index) };
      }
    }
  }
}

function placeAt(batch: Place, index: number): Place {
  return { ...batch, slot: slotOf(index, 0) };
}

function* filtered(
  lines: Iterable<Line<TransferView>>,
  status: TransferStatus | undefined,
): Generator<Line<TransferView>> {
  for (const { place, shown } of lines) {
    const isWanted = status === undefined || shown?.status === status;
    yield { place, shown: isWanted ? shown : undefined };
  }
}
