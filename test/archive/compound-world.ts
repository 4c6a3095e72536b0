/** Three shards that make compound transfers, and an archive of their logs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogRecord } from "../../src/actors/records/command.ts";
import type { Posting } from "../../src/actors/records/compound-command.ts";
import { Archive } from "../../src/archive/store.ts";
import { type CompoundOptions, CompoundWriter, type Open } from "./compound-writer.ts";
import { LogWriter } from "./ledger-writer.ts";

export const ACME = { partner: "acme" };
export const ALL = { ...ACME, limit: 500 };

export class CompoundWorld {
  readonly archive: Archive;
  readonly compound: CompoundWriter;
  readonly #folder: string;
  readonly #logs: readonly LogWriter[];

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
    this.archive = new Archive(this.#folder, { tailEntries: 16, runsPerLevel: 2 });
    this.#logs = [new LogWriter(0), new LogWriter(1), new LogWriter(2)];
    this.compound = new CompoundWriter(this.#logs);
  }

  remove(): void {
    this.archive.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  log(shard: number): LogWriter {
    return this.#logs[shard] as LogWriter;
  }

  /** Archives these records as one batch, then advances log time by 1 ms. */
  write(shard: number, ...records: readonly (LogRecord | undefined)[]): void {
    const written = records.filter((record) => record !== undefined);
    if (written.length > 0) this.archive.append(shard, [this.log(shard).batch(written).batch]);
    this.log(shard).wait(1);
    while (this.archive.indexSome(100));
  }

  /** Logs the next job of a shard. */
  arrive(shard: number): void {
    this.log(shard).reach(this.compound.waitingSince(shard));
    this.write(shard, this.compound.next(shard));
  }

  /** Logs all jobs in flight. */
  settle(): void {
    for (;;) {
      const waiting = this.#logs.find(({ shard }) => this.compound.waits(shard));
      if (waiting === undefined) return;
      this.arrive(waiting.shard);
    }
  }

  /** Starts a transfer of `[debit, credit, amount]` on its home shard. */
  transfer(postings: readonly (readonly [string, string, number])[], options: CompoundOptions = {}): void {
    const all = postings.map(([debit, credit, amount]): Posting => ({ debit, credit, amount }));
    const home = Number(/-(\d)/.exec(all[0]?.debit ?? "")?.[1] ?? 0);
    this.write(home, this.compound.transfer("acme", all, options));
  }

  /** The newest pending transfer. */
  get opened(): Open {
    return this.compound.open.at(-1) as Open;
  }

  /** Status and posted amount of each transfer in an account's list. */
  listed(account: string): readonly string[] {
    const { data } = this.archive.answers.transfers({ ...ALL, account });
    return data.map(({ status, postedAmount }) => `${status} ${postedAmount}`);
  }

  /** `[seq, amount, balance after, counterparty]` of each entry. */
  entries(account: string): readonly (readonly [number, number, number, string])[] {
    const { data } = this.archive.answers.entries({ ...ALL, account });
    return data.map(({ seq, amount, balanceAfter, counterparty }) => [
      seq,
      amount,
      balanceAfter,
      counterparty,
    ]);
  }
}
