/**
 * Measures how fast the archive stores transfers and answers queries. One JSON line per measurement. Records are built
 * before the timing: 1000 transfers per batch, two shards, 100,000 accounts, a UUID as key on every second one.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countedTransferId } from "../../src/actors/ledger/transfer-id.ts";
import type { LogRecord } from "../../src/actors/records/command.ts";
import { Archive } from "../../src/archive/store.ts";
import type { Batch } from "../../src/wal/wal.ts";
import { packRecords } from "../support/pack-records.ts";

const TRANSFERS = Number(process.argv[2] ?? 5_000_000);
const PER_BATCH = 1_000;
const PER_APPEND = 8;
const SHARDS = 2;
const ACCOUNTS = 50_000;
const CREATIONS = 1_000_000;

type Account = { readonly id: string; posted: number; seq: number };

class Load {
  readonly shard: number;
  readonly accounts: readonly Account[];
  #seq = 0;
  #counter = 0;

  constructor(shard: number) {
    this.shard = shard;
    this.accounts = Array.from({ length: ACCOUNTS }, (_, i) => ({
      id: i % 2 === 0 ? `customer-${shard}-${i}` : randomUUID(),
      posted: 0,
      seq: 0,
    }));
  }

  batch(): Batch {
    const records: LogRecord[] = [];
    for (let i = 0; i < PER_BATCH; i++) records.push(this.#transfer(i));
    return this.#batchOf(records);
  }

  creations(): Batch {
    const records: LogRecord[] = [];
    for (let i = 0; i < PER_BATCH; i++) {
      const id = randomUUID();
      const common = { id, asset: "USD/2", floor: 0, ceiling: null, metadata: null };
      const command = {
        op: "create_account",
        partner: "acme",
        key: null,
        fingerprint: 1,
        ...common,
      } as const;
      const account = { ...common, status: "open", posted: 0, held: 0, seq: 0, createdAtMs: 1 } as const;
      records.push({ command, outcome: { ok: true, account } });
    }
    return this.#batchOf(records);
  }

  #transfer(i: number): LogRecord {
    const debit = this.#any();
    let credit = this.#any();
    while (credit === debit) credit = this.#any();
    const amount = 1 + Math.floor(Math.random() * 100_000);
    debit.posted -= amount;
    credit.posted += amount;
    const vnode = this.shard * 512 + (i % 512);
    const command = {
      op: "transfer",
      partner: "acme",
      key: i % 2 === 0 ? randomUUID() : null,
      fingerprint: Math.floor(Math.random() * 0x1_0000_0000),
      debit: debit.id,
      credit: credit.id,
      amount,
      memo: null,
      metadata: null,
      occurredAtMs: null,
      vnode,
    } as const;
    const outcome = {
      ok: true,
      id: countedTransferId(vnode, 1, this.#counter++),
      debitPosted: debit.posted,
      debitHeld: 0,
      debitSeq: ++debit.seq,
      creditPosted: credit.posted,
      creditHeld: 0,
      creditSeq: ++credit.seq,
    } as const;
    return { command, outcome };
  }

  #any(): Account {
    return this.accounts[Math.floor(Math.random() * ACCOUNTS)] as Account;
  }

  #batchOf(records: readonly LogRecord[]): Batch {
    const id = { epoch: 1, seq: ++this.#seq };
    const timeMs = 1_700_000_000_000 + this.#seq * 2;
    return { id, timeMs, count: PER_BATCH, body: packRecords(records), hash: new Uint8Array(32) };
  }
}

function print(figure: string, value: number, unit: string): void {
  console.log(JSON.stringify({ figure, value: Number(value.toPrecision(4)), unit }));
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Stores `total` records; returns records per second and the CPU time of all threads per record, in µs. */
function drain(
  archive: Archive,
  loads: readonly Load[],
  total: number,
  make: (load: Load) => Batch,
  index: boolean,
) {
  let ms = 0;
  let cpu = 0;
  let worstMs = 0;
  for (let done = 0; done < total; ) {
    for (const load of loads) {
      const batches = Array.from({ length: PER_APPEND }, () => make(load));
      const began = performance.now();
      const cpuBegan = process.cpuUsage();
      archive.append(load.shard, batches);
      while (!archive.isIndexed) {
        if (!index) break;
        const turn = performance.now();
        archive.indexSome(4_096);
        worstMs = Math.max(worstMs, performance.now() - turn);
      }
      const used = process.cpuUsage(cpuBegan);
      cpu += used.user + used.system;
      ms += performance.now() - began;
      done += PER_APPEND * PER_BATCH;
    }
  }
  return { perSecond: (total / ms) * 1_000, cpuUs: cpu / total, worstMs };
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}

function timed(runs: number, work: (run: number) => void): readonly number[] {
  return Array.from({ length: runs }, (_, run) => {
    const began = performance.now();
    work(run);
    return performance.now() - began;
  });
}

const folder = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "daybook-archive-"));
try {
  const store = join(folder, "store");
  const storing = new Archive(store);
  const loads = () => Array.from({ length: SHARDS }, (_, shard) => new Load(shard));
  const stored = drain(storing, loads(), Math.min(TRANSFERS, 1_000_000), (load) => load.batch(), false);
  print("archive_store", stored.perSecond, "transfers/s");
  print("archive_store_cpu", stored.cpuUs, "us/transfer");
  storing.close();
  rmSync(store, { recursive: true });

  const path = join(folder, "index");
  let archive = new Archive(path);
  const both = loads();
  const drained = drain(archive, both, TRANSFERS, (load) => load.batch(), true);
  print("archive_store_and_index", drained.perSecond, "transfers/s");
  print("archive_store_and_index_cpu", drained.cpuUs, "us/transfer");
  print("archive_longest_turn", drained.worstMs, "ms");
  archive.close();
  const reopened = timed(1, () => {
    archive = new Archive(path);
    while (!archive.isIndexed) archive.indexSome(4_096);
  });
  print("archive_reopen_and_catch_up", median(reopened), "ms");
  print("archive_runs", archive.counts.runs, "runs");
  print("archive_bytes", bytesIn(path) / TRANSFERS, "bytes/transfer");

  const { answers } = archive;
  const accounts = both.flatMap((load) => load.accounts);
  const some = (run: number) => accounts[(run * 7_919) % accounts.length] as Account;
  const entries = timed(200, (run) => answers.entries({ partner: "acme", account: some(run).id, limit: 50 }));
  print("archive_entries_page_of_50_p50", median(entries), "ms");
  const sums = timed(200, (run) => {
    const { id, posted, seq } = some(run + 1_000);
    const found = answers.sum({ partner: "acme", account: id, seq });
    if (found.sum !== posted || found.count !== seq) throw new Error(`${id}: ${JSON.stringify(found)}`);
  });
  print("archive_sum_p50", median(sums), "ms");
  const transfers = timed(200, (run) =>
    answers.transfer({ partner: "acme", id: countedTransferId(run % 512, 1, run * 1_024 + (run % 512)) }),
  );
  print("archive_transfer_p50", median(transfers), "ms");
  const lists = timed(100, () => answers.transfers({ partner: "acme", limit: 50 }));
  print("archive_transfers_page_of_50_p50", median(lists), "ms");

  const created = drain(archive, both, Math.min(TRANSFERS, CREATIONS), (load) => load.creations(), true);
  print("archive_account_creations", created.perSecond, "accounts/s");
  archive.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
