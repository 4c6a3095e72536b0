/** Which files of the folder `index` count: those that the database names. */
import { mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { assert } from "../../errors/assert.ts";
import { inTransaction, putSetting, setting } from "../database.ts";
import { RUN_KINDS, type RunMeta, runFileName } from "./run-page.ts";

/** Raised when what stands in the index means something else than before: it is built anew then. */
const INDEX_FORMAT = 4;
/** Of an index from before its format was written down. */
const FIRST_INDEX_FORMAT = 1;

/** Sweeps away files that the database does not name; without the folder, or after an older version, starts anew. */
export function openIndexFolder(database: DatabaseSync, folder: string): readonly RunMeta[] {
  const isNew = mkdirSync(folder, { recursive: true }) !== undefined;
  const format = setting(database, "index_format", () => FIRST_INDEX_FORMAT);
  if (isNew || format !== INDEX_FORMAT) forgetRuns(database);
  const metas = database.prepare("SELECT * FROM runs ORDER BY id").all() as unknown as RunMeta[];
  for (const { kind } of metas) assert(RUN_KINDS.includes(kind), "a run is of a known kind");
  const named = new Set(metas.map(({ id }) => runFileName(id)));
  for (const file of readdirSync(folder)) {
    if (!named.has(file)) unlinkSync(join(folder, file));
  }
  return metas;
}

/** Nothing of the index counts any more. */
export function forgetRuns(database: DatabaseSync): void {
  inTransaction(database, () => {
    database.exec("DELETE FROM runs");
    putSetting(database, "written", 0);
    putSetting(database, "index_format", INDEX_FORMAT);
  });
  // On the disk, before the files go that the database has named so far.
  database.exec("PRAGMA wal_checkpoint(FULL)");
}

export function recordRun(
  database: DatabaseSync,
  { id, kind, level, width, entries, base, checksum }: RunMeta,
): void {
  database
    .prepare("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)")
    .run(id, kind, level, width, entries, base, checksum);
}
