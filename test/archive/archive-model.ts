/** What the archive must answer, computed from all records in the plainest way. */
import type { Credit, Credited, Transfer, TransferPosted, TransferSent } from "../../src/actors/command.ts";
import { isSystemAccount } from "../../src/actors/routing.ts";
import type { ArchivedRecord, EntriesSum, Entry, Range } from "../../src/archive/query.ts";
import type { WrittenBatch } from "./ledger-writer.ts";

export class ArchiveModel {
  readonly #records: ArchivedRecord[] = [];

  add({ shard, batch, records }: WrittenBatch): void {
    const { epoch, seq } = batch.id;
    for (const [index, record] of records.entries()) {
      this.#records.push({ at: { shard, epoch, seq, index }, timeMs: batch.timeMs, record });
    }
  }

  get records(): readonly ArchivedRecord[] {
    return this.#records;
  }

  /** The home's record of each transfer; of one account each record that has an entry of it. */
  transfers({
    partner,
    account,
    fromMs,
    toMs,
  }: Omit<Range, "limit"> & { partner: string; account?: string }) {
    return this.#postings(partner, fromMs, toMs).filter((posting) =>
      account === undefined
        ? posting.record.command.op === "transfer"
        : entriesOf(posting, account).length > 0,
    );
  }

  /** The record of the credit of a transfer across shards. */
  credit(id: string): ArchivedRecord | undefined {
    return this.#records.find(
      ({ record: { command, outcome } }) => command.op === "credit" && outcome.ok && command.id === id,
    );
  }

  entries(query: Omit<Range, "limit"> & { partner: string; account: string }): readonly Entry[] {
    return this.#postings(query.partner, query.fromMs, query.toMs).flatMap((record) =>
      entriesOf(record, query.account),
    );
  }

  balanceBefore(partner: string, account: string, timeMs: number): number {
    const entries = this.entries({ partner, account, toMs: timeMs });
    if (isSystemAccount(account)) return entries.reduce((sum, { amount }) => sum + amount, 0);
    return entries[0]?.balanceAfter ?? 0;
  }

  sum(partner: string, account: string, seq: number): EntriesSum {
    const entries = this.entries({ partner, account }).filter((entry) => entry.seq <= seq);
    return { sum: entries.reduce((sum, { amount }) => sum + amount, 0), count: entries.length };
  }

  accountIds(partner: string, prefix: string, afterId = ""): readonly string[] {
    const ids = this.#records.flatMap(({ record: { command, outcome } }) =>
      command.op === "create_account" && outcome.ok && command.partner === partner ? [command.id] : [],
    );
    return [...new Set(ids)].filter((id) => id.startsWith(prefix) && id > afterId).toSorted();
  }

  /** Newest first: by time, then shard, then place in the shard's log. */
  #postings(partner: string, fromMs = 0, toMs = Number.POSITIVE_INFINITY): readonly ArchivedRecord[] {
    return this.#records
      .filter(
        ({ timeMs, record: { command, outcome } }) =>
          (command.op === "transfer" || command.op === "credit") &&
          outcome.ok &&
          command.partner === partner &&
          timeMs >= fromMs &&
          timeMs < toMs,
      )
      .toSorted(
        (a, b) =>
          b.timeMs - a.timeMs ||
          b.at.shard - a.at.shard ||
          b.at.epoch - a.at.epoch ||
          b.at.seq - a.at.seq ||
          b.at.index - a.at.index,
      );
  }
}

function entriesOf({ at, timeMs, record }: ArchivedRecord, account: string): readonly Entry[] {
  const command = record.command as Transfer | Credit;
  const { debit, credit, amount, memo, metadata } = command;
  const common = { at, timeMs, memo, metadata };
  if (command.op === "credit") {
    if (credit !== account) return [];
    const { posted: balanceAfter, seq } = record.outcome as Credited;
    return [{ ...common, transferId: command.id, seq, amount, balanceAfter, counterparty: debit }];
  }
  const posted = record.outcome as TransferPosted | TransferSent;
  const { id: transferId } = posted;
  const entries: Entry[] = [];
  if (credit === account && "creditSeq" in posted) {
    const { creditPosted: balanceAfter, creditSeq: seq } = posted;
    entries.push({ ...common, transferId, seq, amount, balanceAfter, counterparty: debit });
  }
  if (debit === account) {
    const { debitPosted: balanceAfter, debitSeq: seq } = posted;
    entries.push({ ...common, transferId, seq, amount: -amount, balanceAfter, counterparty: credit });
  }
  return entries;
}
