/** The folder `index`. Only files that the database names are valid. */
import { mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { assert } from "../../errors/assert.ts";
import { inTransaction } from "../../sqlite-transaction.ts";
import { putSetting, setting } from "../database.ts";
import { RUN_KINDS, type RunMeta, runFileName } from "./run-page.ts";

/** Raised when the meaning of the index changes. The next start then rebuilds the index. */
const INDEX_FORMAT = 6;
/** The format of an index for which none was stored. */
const FIRST_INDEX_FORMAT = 1;

/**
 * Opens the index folder: deletes files that the database does not name. If the folder is new, or another version
 * wrote the index, all runs are forgotten so that the index is rebuilt.
 *
 * @returns the runs, oldest first.
 */
export function openIndexFolder(database: DatabaseSync, folder: string): readonly RunMeta[] {
  const isNew = mkdirSync(folder, { recursive: true }) !== undefined;
  const format = setting(database, "index_format", () => FIRST_INDEX_FORMAT);
  if (isNew || format !== INDEX_FORMAT) forgetRuns(database);
  const metas = database.prepare("SELECT * FROM runs ORDER BY id").all() as unknown as RunMeta[];
  for (const { kind } of metas) assert(RUN_KINDS.includes(kind), "every run has a known kind");
  const named = new Set(metas.map(({ id }) => runFileName(id)));
  for (const file of readdirSync(folder)) {
    if (!named.has(file)) unlinkSync(join(folder, file));
  }
  return metas;
}

/** Forgets all runs: the index is rebuilt from batch 1. */
export function forgetRuns(database: DatabaseSync): void {
  inTransaction(database, () => {
    database.exec("DELETE FROM runs");
    putSetting(database, "written", 0);
    putSetting(database, "index_format", INDEX_FORMAT);
  });
  // Must be durable before the files are deleted.
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
