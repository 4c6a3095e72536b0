import type { LogId } from "../wal/wal.ts";
import { AccountReader } from "./account-reader.ts";
import type { AccountTable } from "./account-table.ts";
import type { BatchTable } from "./batch-table.ts";
import type { DamageTable } from "./damage-table.ts";
import { Gaps } from "./gaps.ts";
import type { Keys } from "./key-hash.ts";
import type { ArchiveQueries, FoundRecord, Location } from "./query.ts";
import { RecordReader } from "./record-reader.ts";
import type { SortedIndex } from "./sorted-index.ts";
import { TransferReader } from "./transfer-reader.ts";

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
