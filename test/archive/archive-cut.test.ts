/** The newest batches of one shard leave the archive, and nothing else does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moveNewest } from "../../src/archive/batches/archive-cut.ts";
import { ArchivedLog } from "../../src/archive/batches/archived-log.ts";
import { findFlaws } from "../../src/archive/batches/repair.ts";
import { Archive } from "../../src/archive/store.ts";
import { formatLogId, type LogId } from "../../src/wal/wal.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const START: LogId = { epoch: 0, seq: 0 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "daybook-cut-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);

/** Batches of two shards, in turns; the second shard starts anew after half of them. */
function written(): readonly WrittenBatch[] {
  const logs = [new LogWriter(0), new LogWriter(1)];
  return Array.from({ length: 12 }, (_, no) => {
    const log = logs[no % 2] as LogWriter;
    log.wait(1);
    if (no === 7) log.restart();
    const amount = no + 1;
    return log.batch([
      log.transfer({ partner: "acme", debit: "@issuance", credit: `alice-${log.shard}`, amount }),
      log.created("acme", `account-${no}`),
    ]);
  });
}

function fill(name: string, batches: readonly WrittenBatch[], isFlushed: boolean): void {
  const archive = new Archive(path(name));
  for (const { shard, batch } of batches) archive.append(shard, [batch]);
  while (archive.indexSome(100));
  if (isFlushed) archive.flush();
  archive.close();
}

function withDatabase<T>(name: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(path(name), "archive.sqlite"));
  try {
    return use(database);
  } finally {
    database.close();
  }
}

const idsIn = (name: string, shard: number) =>
  withDatabase(name, (database) =>
    [...new ArchivedLog(database, shard).after(START)].map(({ id }) => formatLogId(id)),
  );
const flawsIn = (name: string) => withDatabase(name, (database) => findFlaws(database, () => {}));
/** The statements, as the index finds them. */
function contentOf(name: string) {
  const archive = new Archive(path(name));
  while (archive.indexSome(100));
  const content = [0, 1].map((shard) =>
    archive.answers.entries({ partner: "acme", account: `alice-${shard}`, limit: 100 }),
  );
  archive.close();
  return JSON.stringify(content);
}

test.each([
  ["in the index", true],
  ["not in the index's files yet", false],
])("the newest batches move to another archive: they are %s", (_, isFlushed) => {
  const batches = written();
  fill("all", batches, isFlushed);
  const before = [0, 1].map((shard) => idsIn("all", shard));
  const after = { epoch: 1, seq: 2 };
  expect(moveNewest(path("all"), 1, after, path("given"))).toBe(4);
  expect(moveNewest(path("all"), 1, after, path("given")), "again").toBe(0);
  expect(idsIn("all", 0)).toEqual(before[0]);
  expect(idsIn("all", 1)).toEqual(["1-1", "1-2"]);
  expect(idsIn("given", 1)).toEqual(before[1]?.slice(2));
  expect(flawsIn("all")).toEqual([]);
  const kept = batches.filter(({ shard, batch: { id } }) => shard === 0 || (id.epoch === 1 && id.seq <= 2));
  fill("never", kept, false);
  expect(contentOf("all")).toBe(contentOf("never"));
});

test("the archive continues with the batches of a later epoch, and repeats none", () => {
  const batches = written();
  fill("all", batches, true);
  moveNewest(path("all"), 1, { epoch: 1, seq: 2 }, path("given"));
  const archive = new Archive(path("all"));
  const log = new LogWriter(1);
  const [, first, , second] = batches as WrittenBatch[];
  archive.append(1, [first?.batch as never, second?.batch as never]);
  expect(archive.position(1)).toMatchObject({ id: { epoch: 1, seq: 2 } });
  for (let epoch = 2; epoch <= 4; epoch++) log.restart();
  archive.append(1, [log.batch([log.created("acme", "later")]).batch]);
  expect(archive.position(1)).toMatchObject({ id: { epoch: 4, seq: 1 } });
  archive.close();
});

test("an interrupted move is finished: what the other archive has already is kept once", () => {
  const batches = written();
  fill("all", batches, true);
  moveNewest(path("all"), 1, { epoch: 1, seq: 4 }, path("given"));
  fill("copy", batches, true);
  moveNewest(path("copy"), 1, { epoch: 1, seq: 2 }, path("given"));
  expect(idsIn("given", 1).toSorted()).toEqual(idsIn("given", 1));
  expect(new Set(idsIn("given", 1)).size).toBe(4);
});
