import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TransferPosted } from "../../src/actors/records/command.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/archive/archive-error.ts";
import { Archive, type ArchiveOptions } from "../../src/archive/store.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const ACME = { partner: "acme" };

let folder: string;
let open: Archive[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
  open = [];
});
afterEach(() => {
  for (const archive of open) archive.close();
  rmSync(folder, { recursive: true, force: true });
});

function openArchive(options: ArchiveOptions = {}): Archive {
  const archive = new Archive(folder, options);
  open.push(archive);
  return archive;
}

function close(archive: Archive): void {
  open = open.filter((each) => each !== archive);
  archive.close();
}

function store(archive: Archive, ...written: readonly WrittenBatch[]): void {
  for (const { shard, batch } of written) archive.append(shard, [batch]);
  while (archive.indexSome(100));
}

/** `count` transfers from @issuance to alice, 1 to `count` cents, in one batch. */
function issued(log: LogWriter, count: number): WrittenBatch {
  return log.batch(
    Array.from({ length: count }, (_, i) =>
      log.transfer({ ...ACME, debit: "@issuance", credit: "alice", amount: i + 1 }),
    ),
  );
}

function codeOf(work: () => unknown): ArchiveErrorCode | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
  return undefined;
}

describe("appending to the archive", () => {
  it("skips batches that it holds already", () => {
    const archive = openArchive();
    const log = new LogWriter(0);
    const [first, second, third] = [issued(log, 2), issued(log, 2), issued(log, 2)];
    store(archive, first, second);
    archive.append(0, [first.batch, second.batch, third.batch]);
    store(archive, second, third);
    expect(archive.position(0)).toEqual({ id: { epoch: 1, seq: 3 }, hash: third.batch.hash, timeMs: 1_000 });
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: 100 })).toEqual({ sum: 9, count: 6 });
  });

  it("refuses batches with a gap and stores none of them", () => {
    const archive = openArchive();
    const log = new LogWriter(0);
    const [first, second, third, fourth] = [issued(log, 1), issued(log, 1), issued(log, 1), issued(log, 1)];
    expect(codeOf(() => archive.append(0, [second.batch]))).toBe("archive_gap");
    expect(archive.position(0)).toBeUndefined();
    store(archive, first);
    expect(codeOf(() => archive.append(0, [second.batch, fourth.batch]))).toBe("archive_gap");
    expect(archive.position(0)?.id).toEqual({ epoch: 1, seq: 1 });
    store(archive, second, third, fourth);
    log.restart();
    issued(log, 1);
    expect(codeOf(() => archive.append(0, [issued(log, 1).batch]))).toBe("archive_gap");
  });

  it("refuses a log with a different batch under the same id", () => {
    const archive = openArchive();
    store(archive, issued(new LogWriter(0), 1));
    expect(codeOf(() => archive.append(0, [issued(new LogWriter(0), 2).batch]))).toBe("archive_diverged");
  });

  it("continues under the next epoch", () => {
    const archive = openArchive();
    const log = new LogWriter(0);
    store(archive, issued(log, 1));
    log.restart();
    store(archive, issued(log, 1));
    expect(archive.position(0)?.id).toEqual({ epoch: 2, seq: 1 });
  });

  it("takes a batch that is larger than its tail", () => {
    const archive = openArchive({ tailEntries: 16 });
    const log = new LogWriter(0);
    store(archive, issued(log, 3), issued(log, 100), issued(log, 3));
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: 1_000 })).toEqual({
      sum: 5_062,
      count: 106,
    });
  });
});

describe("a transfer across shards", () => {
  it("is one transfer with two records, in whatever order they arrive", () => {
    for (const order of ["debit first", "credit first"]) {
      const archive = openArchive();
      const [home, away] = [new LogWriter(0, 1_000), new LogWriter(1, 2_000)];
      const sent = home.sent({ ...ACME, debit: "alice", credit: "bob", amount: 7 }, 1);
      const debit = home.batch([sent.record]);
      const credit = away.batch([away.credited(sent.credit), away.delivered(0, 1)]);
      store(archive, ...(order === "debit first" ? [debit, credit] : [credit, debit]));
      const { answers } = archive;
      const { id } = sent.credit;
      const atHome = { at: { shard: 0, epoch: 1, seq: 1, index: 0 }, timeMs: 1_000 };
      const there = { at: { ...atHome.at, shard: 1 }, timeMs: 2_000, record: credit.records[0] };
      const { metadata, occurredAtMs } = sent.credit;
      const view = {
        id,
        status: "posted",
        postings: [{ debit: "alice", credit: "bob", amount: 7 }],
        postedAmount: 7,
        memo: null,
        metadata,
        occurredAtMs,
        createdAtMs: 1_000,
        expiresAtMs: null,
        reverts: null,
      };
      expect(answers.transfer({ ...ACME, id })).toEqual(view);
      expect(answers.part({ id, from: 0, to: 1, no: 1 })).toEqual(there);
      const list = (account?: string) => answers.transfers({ ...ACME, account, limit: 9 }).data;
      expect([list(), list("alice"), list("bob")]).toEqual([[view], [view], [view]]);
      const common = { transferId: id, memo: null, metadata: null, occurredAtMs: null, seq: 1 };
      const entries = (account: string) => answers.entries({ ...ACME, account, limit: 9 });
      expect(entries("alice").data).toEqual([
        { ...common, at: atHome.at, timeMs: 1_000, amount: -7, balanceAfter: -7, counterparty: "bob" },
      ]);
      expect(entries("bob").data).toEqual([
        { ...common, at: there.at, timeMs: 2_000, amount: 7, balanceAfter: 7, counterparty: "alice" },
      ]);
      expect(archive.counts.transfersIndexed).toBe(1);
      close(archive);
      rmSync(folder, { recursive: true });
    }
  });

  it("has no part if debit and credit are on one shard, or while the credit has not arrived", () => {
    const archive = openArchive();
    const log = new LogWriter(0);
    const { record, credit } = log.sent({ ...ACME, debit: "alice", credit: "bob", amount: 7 }, 1);
    const whole = log.transfer({ ...ACME, debit: "alice", credit: "carol", amount: 7 });
    store(archive, log.batch([record, whole]));
    const ids = [credit.id, (whole.outcome as TransferPosted).id];
    expect(ids.map((id) => archive.answers.transfer({ ...ACME, id })?.postedAmount)).toEqual([7, 7]);
    const parts = ids.map((id) => archive.answers.part({ id, from: 0, to: 1, no: 1 }));
    expect(parts).toEqual([undefined, undefined]);
  });
});

describe("lists", () => {
  it("keep their pages while new batches arrive", () => {
    const archive = openArchive({ tailEntries: 32 });
    const logs = [new LogWriter(0), new LogWriter(1)];
    const history: string[] = [];
    const more = () => {
      for (const log of logs) {
        log.wait(1);
        store(archive, issued(log, 5));
      }
    };
    more();
    more();
    const query = { ...ACME, account: "@issuance", limit: 3 };
    const all = archive.answers.entries({ ...query, limit: 500 }).data.map(({ transferId }) => transferId);
    let cursor: string | undefined;
    do {
      const page = archive.answers.entries({ ...query, cursor });
      history.push(...page.data.map(({ transferId }) => transferId));
      cursor = page.nextCursor ?? undefined;
      more();
    } while (cursor !== undefined);
    expect(history).toEqual(all);
  });

  it("refuse an invalid cursor", () => {
    const archive = openArchive();
    store(archive, issued(new LogWriter(0), 1));
    for (const cursor of ["", "x", "1_2_3", "1_2_3_4_5_6", "1_2_3_4_!", "1-2-3-4-5"]) {
      const ask = () => archive.answers.entries({ ...ACME, account: "alice", limit: 1, cursor });
      expect(codeOf(ask)).toBe("bad_cursor");
    }
  });

  it("sum a hot account exactly, even if intermediate sums exceed 2^53", () => {
    const archive = openArchive({ tailEntries: 1 << 14 });
    const log = new LogWriter(0);
    const huge = Number.MAX_SAFE_INTEGER;
    let count = 0;
    for (let i = 0; i < 12; i++) {
      // Alternates by the largest amount: every balance is a safe integer, the sums of debits and credits are not.
      const records = Array.from({ length: 1_000 }, (_, at) =>
        log.transfer(
          at % 2 === 0
            ? { ...ACME, debit: "@issuance", credit: "alice", amount: huge }
            : { ...ACME, debit: "alice", credit: "@issuance", amount: huge - (at % 4) },
        ),
      );
      count += records.length;
      store(archive, log.batch(records));
    }
    archive.flush();
    const sum = { sum: count / 4 + (count / 4) * 3, count };
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: count })).toEqual(sum);
    expect(archive.answers.sum({ ...ACME, account: "@issuance", seq: count })).toEqual({
      sum: -sum.sum,
      count,
    });
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: 5_001 }).count).toBe(5_001);
  });
});

const OTHER_FORMAT = "UPDATE settings SET value = value + 1 WHERE name = 'index_format'";

function written(): void {
  const archive = openArchive();
  const log = new LogWriter(0);
  store(archive, issued(log, 3_000), issued(log, 10));
  archive.flush();
  close(archive);
}

/** Flips one bit of an account run. @returns the run's path. */
function damage(at: number): string {
  const files = readdirSync(join(folder, "index")).toSorted();
  const path = join(folder, "index", files[0] as string);
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] = (bytes.at(at) as number) ^ 1;
  writeFileSync(path, bytes);
  return path;
}

describe("a damaged archive", () => {
  it("reports a changed page of a run", () => {
    written();
    damage(1_000);
    const archive = openArchive();
    const ask = (account: string) => () => archive.answers.sum({ ...ACME, account, seq: 1_500 });
    expect([codeOf(ask("alice")), codeOf(ask("@issuance"))]).toContain("index_damaged");
  });

  it.each(["directory has changed", "file is gone"])("rebuilds the index when a run's %s", (what) => {
    written();
    const path = damage(-3);
    if (what === "file is gone") unlinkSync(path);
    const archive = openArchive();
    expect([archive.isIndexed, archive.counts.indexRebuilds]).toEqual([false, 1]);
    while (archive.indexSome(1_000));
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: 9_999 }).count).toBe(3_010);
  });

  it("rebuilds the index when its folder was removed", () => {
    written();
    rmSync(join(folder, "index"), { recursive: true });
    const archive = openArchive();
    while (archive.indexSome(1_000));
    expect(archive.answers.sum({ ...ACME, account: "alice", seq: 9_999 }).count).toBe(3_010);
    expect(archive.answers.entries({ ...ACME, account: "alice", limit: 2 }).data).toHaveLength(2);
  });

  it("rebuilds the index when another version wrote it, and only then", () => {
    written();
    const path = join(folder, "archive.sqlite");
    const runs = () => readdirSync(join(folder, "index")).toSorted();
    const before = runs();
    close(openArchive());
    expect(runs()).toEqual(before);
    // In the format without a stored number, a slot was twice the record's index.
    for (const change of ["DELETE FROM settings WHERE name = 'index_format'", OTHER_FORMAT]) {
      const database = new DatabaseSync(path);
      database.exec(change);
      database.close();
      const archive = openArchive();
      expect([archive.isIndexed, runs()]).toEqual([false, []]);
      while (archive.indexSome(1_000));
      const { data } = archive.answers.entries({ ...ACME, account: "alice", limit: 2 });
      expect(data.map(({ seq }) => seq)).toEqual([3_010, 3_009]);
      archive.flush();
      close(archive);
      const again = openArchive();
      expect(again.isIndexed).toBe(true);
      close(again);
    }
  });

  it("reports a batch whose body or numbers have changed", () => {
    for (const change of ["body = zeroblob(length(body))", "time_ms = time_ms + 1", "count = count - 1"]) {
      written();
      const database = new DatabaseSync(join(folder, "archive.sqlite"));
      database.exec(`UPDATE batches SET ${change} WHERE seq = 2`);
      database.close();
      const archive = openArchive();
      const at = { shard: 0, epoch: 1, seq: 2, index: 0 };
      expect(archive.answers.records([at, { ...at, seq: 1 }])).toEqual([
        { at, damaged: expect.stringContaining("0:1-2") as string },
        expect.objectContaining({ at: { ...at, seq: 1 } }),
      ]);
      expect(codeOf(() => archive.answers.entries({ ...ACME, account: "alice", limit: 5 }))).toBe(
        "archive_damaged",
      );
      close(archive);
      rmSync(folder, { recursive: true });
    }
  });

  it("deletes the unfinished files of a crash", () => {
    written();
    const file = openSync(join(folder, "index", "99.run"), "w");
    writeSync(file, "half a run");
    closeSync(file);
    openArchive();
    expect(readdirSync(join(folder, "index"))).not.toContain("99.run");
  });
});
