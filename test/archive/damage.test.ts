/** All kinds of damage to stored batches: they are detected and named, read around, and restored from copies. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArchiveError } from "../../src/archive/archive-error.ts";
import { batchRowOf, checksumOf } from "../../src/archive/batches/batch-row.ts";
import { formatBatchPosition } from "../../src/archive/batches/damage-table.ts";
import type { DamagedRecord, FoundRecord } from "../../src/archive/queries/query.ts";
import { Archive } from "../../src/archive/store.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const ACCOUNTS = [0, 1].map((shard) => ({ partner: "acme", account: `alice-${shard}` }));
const BATCHES = 12;
const MARK = "MARK-";

let folder: string;
let open: Archive | undefined;
let written: WrittenBatch[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "daybook-damage-"));
  written = makeLog();
  const archive = openArchive();
  for (const { shard, batch } of written) archive.append(shard, [batch]);
  while (archive.indexSome(100));
  archive.flush();
  close();
});
afterEach(() => {
  close();
  rmSync(folder, { recursive: true, force: true });
});

/** Two shards alternate, each with two epochs of three batches: row n belongs to shard (n − 1) mod 2. */
function makeLog(): WrittenBatch[] {
  const logs = [new LogWriter(0), new LogWriter(1)] as const;
  return Array.from({ length: BATCHES }, (_, i) => {
    const log = logs[i % 2] as LogWriter;
    if (i === BATCHES / 2 || i === BATCHES / 2 + 1) log.restart();
    log.wait(10);
    const posting = { partner: "acme", debit: "@issuance", credit: `alice-${log.shard}`, amount: 7 };
    return log.batch([log.transfer(posting, `${MARK}${i + 1}-${"x".repeat(40_000)}`), log.transfer(posting)]);
  });
}

function openArchive(): Archive {
  open = new Archive(folder, { waitingBytesMax: 0 });
  return open;
}

function close(): void {
  open?.close();
  open = undefined;
}

const path = () => join(folder, "archive.sqlite");

function sql(text: string): void {
  const database = new DatabaseSync(path());
  database.exec(text);
  database.close();
}

/** Recomputes a row's checksum, as if the row had been stored like this. */
function sign(id: number): void {
  const database = new DatabaseSync(path());
  const row = batchRowOf(database.prepare("SELECT * FROM batches WHERE id = ?").get(id) ?? {});
  if (row === undefined) throw new Error("there is no such row");
  database.prepare("UPDATE batches SET checksum = ? WHERE id = ?").run(checksumOf(row), id);
  database.close();
}

function overwrite(find: string, bytes: Uint8Array, offset = 0): void {
  const at = readFileSync(path()).indexOf(find);
  expect(at).toBeGreaterThan(0);
  const file = openSync(path(), "r+");
  writeSync(file, bytes, 0, bytes.length, at + offset);
  closeSync(file);
}

/** The table page in which rows 5 and 6 begin. */
function damagePage(): void {
  const at = readFileSync(path()).indexOf(`${MARK}5-`);
  const page = Math.floor(at / 16_384) + 1;
  const file = openSync(path(), "r+");
  // An invalid page type in the page header.
  writeSync(file, Buffer.alloc(64, 0xff), 0, 64, (page - 1) * 16_384);
  closeSync(file);
}

type Row = Readonly<{ what: string; damage: () => void; places: readonly string[]; readable?: boolean }>;

/** Row 5 is shard 0's batch 1-3, the last of its epoch; row 3 is 1-2. */
const TABLE: readonly Row[] = [
  { what: "a flipped bit", damage: () => overwrite(`${MARK}5-`, Buffer.from("N")), places: ["0:1-3"] },
  {
    what: "an empty body",
    damage: () => sql("UPDATE batches SET body = x'' WHERE id = 3"),
    places: ["0:1-2"],
  },
  {
    what: "another body with a right checksum",
    damage: () => {
      sql("UPDATE batches SET body = (SELECT body FROM batches WHERE id = 1) WHERE id = 3");
      sign(3);
    },
    places: ["0:1-2"],
  },
  {
    what: "another time with a right checksum",
    damage: () => {
      sql("UPDATE batches SET time_ms = time_ms + 1 WHERE id = 7");
      sign(7);
    },
    places: ["0:2-1"],
  },
  {
    what: "another position",
    damage: () => sql("UPDATE batches SET seq = 77 WHERE id = 5"),
    places: ["0:1-3"],
  },
  { what: "a deleted row", damage: () => sql("DELETE FROM batches WHERE id = 3"), places: ["0:1-2"] },
  {
    what: "a deleted row at the end of an epoch",
    damage: () => sql("DELETE FROM batches WHERE id = 5"),
    places: ["0:1-3"],
  },
  {
    what: "two deleted rows",
    damage: () => sql("DELETE FROM batches WHERE id IN (2, 3)"),
    places: ["0:1-2", "1:1-1"],
  },
  {
    what: "an earlier batch in the place of a later one",
    damage: () => {
      sql(`DROP INDEX batches_by_place;
        DELETE FROM batches WHERE id = 5;
        INSERT INTO batches SELECT 5, shard, epoch, seq, time_ms, count, checksum, hash, body FROM batches WHERE id = 3;`);
      sign(5);
      sql("CREATE INDEX batches_by_place ON batches (shard, epoch, seq)");
    },
    places: ["0:1-3"],
  },
  {
    what: "a wrong hash",
    damage: () => sql("UPDATE batches SET hash = zeroblob(32) WHERE id = 5"),
    places: ["0:1-3"],
    readable: true,
  },
  {
    what: "a hash of another length",
    damage: () => sql("UPDATE batches SET hash = x'00' WHERE id = 5"),
    places: ["0:1-3"],
    readable: true,
  },
  { what: "a page that is no page", damage: damagePage, places: ["0:1-3", "1:1-3"] },
];

function checkAll(archive: Archive): readonly string[] {
  const passes = archive.verifier.stats.passes;
  while (archive.verifier.stats.passes === passes) archive.verifier.scrubSome(10_000);
  return archive.damages.map(formatBatchPosition);
}

describe.each(TABLE)("$what", ({ damage, places, readable = false }) => {
  const numbers = () => places.map((place) => written.findIndex((each) => placeOf(each) === place));

  it("is found and named by a scrub", () => {
    expect(checkAll(openArchive())).toEqual([]);
    close();
    damage();
    expect(checkAll(openArchive())).toEqual(places);
    close();
    // The damage is known without another scrub.
    expect(openArchive().damages.map(formatBatchPosition)).toEqual(places);
  });

  it("is refused by id, while all other batches can be read", () => {
    damage();
    const archive = openArchive();
    checkAll(archive);
    const found = archive.answers.records(
      written.map(({ shard, batch }) => ({ shard, ...batch.id, index: 0 })),
    );
    const refused = found.flatMap((each, i) => (isDamaged(each) ? [i] : []));
    expect(refused).toEqual(readable ? [] : numbers().toSorted((a, b) => a - b));
    for (const each of found)
      if (isDamaged(each)) expect(places.some((at) => each.damaged.includes(at))).toBe(true);
  });

  it("is skipped by a rebuild of the index; only queries that need it are refused", () => {
    damage();
    rmSync(join(folder, "index"), { recursive: true });
    const archive = openArchive();
    checkAll(archive);
    while (archive.indexSome(100));
    for (const [shard, account] of ACCOUNTS.entries()) {
      const needs = !readable && places.some((place) => place.startsWith(`${shard}:`));
      const entries = () => archive.answers.entries({ ...account, limit: 100, seq: BATCHES }).data.length;
      const sum = () => archive.answers.sum({ ...account, seq: BATCHES }).count;
      expect([outcomeOf(entries), outcomeOf(sum)]).toEqual(
        needs ? ["archive_damaged", "archive_damaged"] : [BATCHES, BATCHES],
      );
      // The newest page does not need the damaged batch.
      const newest = archive.answers.entries({ ...account, limit: 2, seq: BATCHES });
      expect(newest.data.map(({ seq }) => seq)).toEqual([BATCHES, BATCHES - 1]);
      expect(newest.closingBalance).toBe(7 * BATCHES);
    }
  });
});

describe.each(TABLE.filter(({ what }) => what !== "a page that is no page"))(
  "$what",
  ({ damage, places }) => {
    it("is restored from the log, after which the archive is as before", () => {
      rmSync(join(folder, "index"), { recursive: true });
      damage();
      const archive = openArchive();
      checkAll(archive);
      while (archive.indexSome(100));
      for (const shard of [0, 1]) {
        const batches = written.filter((each) => each.shard === shard).map(({ batch }) => batch);
        archive.append(shard, batches);
      }
      while (archive.indexSome(100));
      expect(archive.damages).toEqual([]);
      expect(checkAll(archive)).toEqual([]);
      for (const account of ACCOUNTS) {
        expect(archive.answers.sum({ ...account, seq: BATCHES })).toEqual({
          sum: 7 * BATCHES,
          count: BATCHES,
        });
        expect(archive.answers.entries({ ...account, limit: 100, seq: BATCHES }).data).toHaveLength(BATCHES);
      }
      expect(places.length).toBeGreaterThan(0);
    });

    it("is not replaced by a batch that the hash chain does not prove", () => {
      damage();
      const archive = openArchive();
      checkAll(archive);
      for (const { shard, batch } of written) {
        const hash = new Uint8Array(batch.hash).fill(1);
        if (places.includes(placeOf({ shard, batch })))
          archive.append(shard, [{ ...batch, timeMs: batch.timeMs + 1, hash }]);
      }
      expect(archive.damages.map(formatBatchPosition)).toEqual(places);
    });
  },
);

describe("trimming", () => {
  it("stops before a damaged batch, and continues once it is restored", () => {
    const archive = openArchive();
    const trim = () => {
      expect(archive.sync()).toBe(true);
      while (archive.verifier.verifySome(10_000));
      return [0, 1].map((shard) => archive.verifier.verified.get(shard)?.id);
    };
    sql("UPDATE batches SET body = x'' WHERE id = 3");
    expect(trim()).toEqual([undefined, undefined]);
    const asked = archive.verifier.takeRefetches(0);
    expect(asked.map(formatBatchPosition)).toEqual(["0:1-2"]);
    archive.append(0, [(written[2] as WrittenBatch).batch]);
    archive.verifier.refetched(asked);
    // The restored batch must be synced and read back first.
    expect(archive.verifier.verified.size).toBe(0);
    expect(trim()).toEqual([
      { epoch: 2, seq: 3 },
      { epoch: 2, seq: 3 },
    ]);
  });

  it("continues past damage that the log can no longer restore", () => {
    const archive = openArchive();
    sql("DELETE FROM batches WHERE id = 3");
    archive.sync();
    while (archive.verifier.verifySome(10_000));
    archive.verifier.refetched(archive.verifier.takeRefetches(0));
    expect(archive.verifier.verified.get(0)?.id).toEqual({ epoch: 2, seq: 3 });
    expect(archive.damages.map(formatBatchPosition)).toEqual(["0:1-2"]);
  });
});

describe("a damaged newest batch", () => {
  it.each(["body = x''", "hash = zeroblob(32)"])(
    "is not used as a witness against the log (%s)",
    (change) => {
      sql(`UPDATE batches SET ${change} WHERE id = 11`);
      const archive = openArchive();
      expect(archive.position(0)).toMatchObject({ id: { epoch: 2, seq: 3 }, unproven: true });
      expect(archive.position(1)).not.toHaveProperty("unproven");
    },
  );
});

function placeOf({ shard, batch }: Pick<WrittenBatch, "shard" | "batch">): string {
  return `${shard}:${batch.id.epoch}-${batch.id.seq}`;
}

function outcomeOf(work: () => number): number | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}

function isDamaged(found: FoundRecord): found is DamagedRecord {
  return "damaged" in found;
}
