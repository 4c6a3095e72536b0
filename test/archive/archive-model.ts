/** The expected answers of the archive, computed from all records in the simplest way. */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type {
  AccountView,
  Credited,
  LogRecord,
  TransferPosted,
  TransferSent,
} from "../../src/actors/records/command.ts";
import type {
  ExpiredTransfer,
  Move,
  TransferStatus,
  TransferView,
} from "../../src/actors/records/compound-command.ts";
import type { ArchivedRecord, EntriesSum, Entry, Range } from "../../src/archive/queries/query.ts";
import type { WrittenBatch } from "./ledger-writer.ts";

type Change = Pick<Move, "posting" | "account" | "amount" | "posted" | "held" | "seq">;
type Times = Pick<Range, "fromMs" | "toMs">;

export class ArchiveModel {
  readonly #records: ArchivedRecord[] = [];
  #sorted: readonly ArchivedRecord[] | undefined;

  add({ shard, batch, records }: WrittenBatch): void {
    const { epoch, seq } = batch.id;
    this.#sorted = undefined;
    for (const [index, record] of records.entries()) {
      this.#records.push({ at: { shard, epoch, seq, index }, timeMs: batch.timeMs, record });
    }
  }

  get records(): readonly ArchivedRecord[] {
    return this.#records;
  }

  /** State after the newest record of its home shard; fields that it omits come from earlier records. */
  transfer(id: string): TransferView | undefined {
    const views = this.#accepted()
      .filter(({ record }) => isHomeRecord(record))
      .map(viewIn)
      .filter((view) => view?.id === id);
    return views.length === 0 ? undefined : (Object.assign({}, ...views.toReversed()) as TransferView);
  }

  /** Received messages of other shards, by transfer. */
  parts(): readonly { id: string; from: number; no: number; found: ArchivedRecord }[] {
    return this.#accepted().flatMap((found) => {
      const { command } = found.record;
      if (command.op === "credit") return [{ id: command.id, from: command.from, no: command.no, found }];
      if (command.op !== "portion") return [];
      return [{ id: command.transfer.id, from: command.from, no: command.no, found }];
    });
  }

  /** Each transfer once, by the record that created it: of the partner, or of an account. */
  transfers({
    partner,
    account,
    status,
    ...range
  }: Times & {
    partner: string;
    account?: string;
    status?: TransferStatus | undefined;
  }): readonly TransferView[] {
    const all = this.#accepted().filter(({ record }) => record.command.partner === partner);
    return all
      .filter(begins)
      .filter(({ timeMs }) => isIn(range, timeMs))
      .filter((archived) => account === undefined || isSide(archived, account))
      .flatMap((archived) => {
        const id = viewIn(archived)?.id;
        const view = id === undefined ? undefined : this.transfer(id);
        return view === undefined || (status !== undefined && view.status !== status) ? [] : [view];
      });
  }

  entries({ partner, account, ...range }: Times & { partner: string; account: string }): readonly Entry[] {
    return this.#accepted().flatMap((archived) =>
      archived.record.command.partner === partner && isIn(range, archived.timeMs)
        ? entriesIn(archived, account)
        : [],
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

  /** All changes of the account, in order. */
  accountAt(partner: string, account: string, atMs: number): AccountView | undefined {
    let view: AccountView | undefined;
    for (const { timeMs, record } of this.#accepted().toReversed()) {
      const { command, outcome } = record;
      if (command.partner !== partner || timeMs > atMs) continue;
      if ("account" in outcome && outcome.account.id === account) view = outcome.account;
      for (const { account: moved, posted, held, seq } of changesIn(record))
        if (moved === account && view !== undefined) view = { ...view, posted, held, seq };
    }
    return view;
  }

  accountIds(partner: string, prefix: string, afterId = ""): readonly string[] {
    const ids = this.#records.flatMap(({ record: { command, outcome } }) =>
      command.op === "create_account" && outcome.ok && command.partner === partner ? [command.id] : [],
    );
    return [...new Set(ids)].filter((id) => id.startsWith(prefix) && id > afterId).toSorted();
  }

  /** Newest first: by time, then shard, then position in the shard's log. */
  #accepted(): readonly ArchivedRecord[] {
    this.#sorted ??= this.#records
      .filter(({ record }) => record.outcome.ok)
      .toSorted(
        (a, b) =>
          b.timeMs - a.timeMs ||
          b.at.shard - a.at.shard ||
          b.at.epoch - a.at.epoch ||
          b.at.seq - a.at.seq ||
          b.at.index - a.at.index,
      );
    return this.#sorted;
  }
}

function isIn({ fromMs = 0, toMs = Number.POSITIVE_INFINITY }: Times, timeMs: number): boolean {
  return timeMs >= fromMs && timeMs < toMs;
}

function begins({ record }: ArchivedRecord): boolean {
  return ["transfer", "compound_transfer", "revert_transfer"].includes(record.command.op);
}

function isHomeRecord({ command, outcome }: LogRecord): boolean {
  return command.op === "transfer" || "transfer" in outcome;
}

function isSide(archived: ArchivedRecord, account: string): boolean {
  return (
    viewIn(archived)?.postings.some(({ debit, credit }) => account === debit || account === credit) ?? false
  );
}

function viewIn({
  timeMs,
  record: { command, outcome },
}: ArchivedRecord): TransferView | ExpiredTransfer | undefined {
  if (command.op === "portion") return command.transfer;
  if (command.op !== "transfer" && command.op !== "credit")
    return "transfer" in outcome ? outcome.transfer : undefined;
  const { debit, credit, amount, memo, metadata, occurredAtMs } = command;
  const isCredit = command.op === "credit";
  return {
    id: isCredit ? command.id : (outcome as TransferPosted | TransferSent).id,
    status: "posted",
    postings: [{ debit, credit, amount }],
    postedAmount: amount,
    memo,
    metadata,
    occurredAtMs,
    createdAtMs: isCredit ? command.createdAtMs : timeMs,
    expiresAtMs: null,
    reverts: null,
  };
}

/** The balance changes of a record, in order. */
function changesIn({ command, outcome }: LogRecord): readonly Change[] {
  if (!outcome.ok) return [];
  if (command.op === "credit") {
    const { posted, held, seq } = outcome as Credited;
    return [{ posting: 0, account: command.credit, amount: command.amount, posted, held, seq }];
  }
  if (command.op !== "transfer") return "moves" in outcome ? outcome.moves : [];
  const moved = outcome as TransferPosted | TransferSent;
  const changes: Change[] = [
    {
      posting: 0,
      account: command.debit,
      amount: -command.amount,
      posted: moved.debitPosted,
      held: moved.debitHeld,
      seq: moved.debitSeq,
    },
  ];
  if ("creditSeq" in moved) {
    const { creditPosted: posted, creditHeld: held, creditSeq: seq } = moved;
    changes.push({ posting: 0, account: command.credit, amount: command.amount, posted, held, seq });
  }
  return changes;
}

/** Newest first. */
function entriesIn(archived: ArchivedRecord, account: string): readonly Entry[] {
  const { at, timeMs, record } = archived;
  return changesIn(record)
    .filter((change) => change.account === account && change.amount !== 0)
    .map(({ posting, amount, posted: balanceAfter, seq }) => {
      const { id: transferId, postings, memo, metadata, occurredAtMs } = viewIn(archived) as TransferView;
      const { debit, credit } = postings[posting] as TransferView["postings"][number];
      const counterparty = amount < 0 ? credit : debit;
      const told = { counterparty, memo, metadata, occurredAtMs };
      return { at, timeMs, seq, transferId, amount, balanceAfter, ...told };
    })
    .toReversed();
}
