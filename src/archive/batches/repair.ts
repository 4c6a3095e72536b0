/** Repairs an archive offline: replaces damaged batches by intact copies from other sources. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../../sqlite-transaction.ts";
import { syncFolder } from "../../sync-folder.ts";
import type { Batch } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import { isMalformed, openDatabase, putSetting, rowOf } from "../database.ts";
import { chainedHash, findShards, HAS_NO_LINK } from "./batch-chain.ts";
import { batchRowOf, checksumOf, ROW_COLUMNS } from "./batch-row.ts";
import { BatchTable } from "./batch-table.ts";
import { BatchWalk } from "./batch-walk.ts";
import { type Damage, DamageTable, formatBatchPosition } from "./damage-table.ts";

const STEP_BYTES = 8 * 1024 * 1024;
/** An `index_format` that no version uses, so that the next start rebuilds the index. */
export const NO_INDEX_FORMAT = 0;

/** Looks up a copy of a damaged batch; `undefined` if it has none. */
export type CopySource = (shard: number, damage: Damage) => Promise<Batch | undefined>;

export type Progress = (done: number, of: number) => void;

export class ArchiveRepair {
  readonly #database: DatabaseSync;
  readonly #damages: DamageTable;
  readonly #batches: BatchTable;

  /** @throws ArchiveError `archive_corrupt`: the database is malformed; call `salvage` first. */
  constructor(folder: string) {
    this.#database = openDatabase(join(folder, "archive.sqlite"));
    try {
      this.#damages = new DamageTable(this.#database);
      this.#batches = new BatchTable(this.#database, this.#damages);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Checks every batch and records which are damaged. */
  check(progress: Progress): readonly Damage[] {
    const flaws = findFlaws(this.#database, progress);
    inTransaction(this.#database, () => {
      const places = new Set(flaws.map(formatBatchPosition));
      for (const known of this.#damages.all)
        if (!places.has(formatBatchPosition(known))) this.#damages.remove(known);
      for (const flaw of flaws) this.#damages.add(flaw);
    });
    return this.#damages.all;
  }

  /** Restores a damaged batch from the first source with a proven copy. @returns whether one was found. */
  async restore(damage: Damage, sources: readonly CopySource[]): Promise<boolean> {
    const { shard, id, indexed, reason } = damage;
    if (shard === null || id === null) return false;
    const own = this.#withCorrectHash(damage);
    for (const source of [async () => own, ...sources]) {
      const batch = await source(shard, damage);
      if (batch === undefined || !inTransaction(this.#database, () => this.#batches.restore(shard, batch)))
        continue;
      if (!indexed || reason === HAS_NO_LINK) putSetting(this.#database, "index_format", NO_INDEX_FORMAT);
      return true;
    }
    return false;
  }

  /** Copies the batches that another archive has beyond the end of this one. @returns their number. */
  copyNewer(copy: DatabaseSync): number {
    let copied = 0;
    for (const row of copy.prepare(`SELECT ${ROW_COLUMNS} FROM batches ORDER BY id`).iterate()) {
      const batch = batchRowOf(row);
      if (batch === undefined || checksumOf(batch) !== batch.checksum) continue;
      const { shard } = batch;
      const last = this.#batches.position(shard);
      if (last !== undefined && findShards(last, batch) === undefined) continue;
      const missing = this.#missing(shard, batch);
      if (missing.length === 0) continue;
      inTransaction(this.#database, () => this.#batches.insert(shard, missing));
      this.#batches.committed(shard, missing);
      copied += 1;
    }
    return copied;
  }

  close(): void {
    this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#database.close();
  }

  #missing(shard: number, batch: Batch): readonly Batch[] {
    try {
      return this.#batches.missing(shard, [batch]);
    } catch (error) {
      // The batch does not follow the newest one here.
      if (error instanceof ArchiveError) return [];
      throw error;
    }
  }

  /** If only the stored hash is wrong, the right one can be computed from the batch. */
  #withCorrectHash({ kind, number, shard, id }: Damage): Batch | undefined {
    if (kind !== "hash" || number === null || shard === null || id === null) return undefined;
    const { body, timeMs, count } = this.#batches.read(number);
    const before = this.#batches.witnessBefore(shard, id);
    const content = { id, timeMs, count, body };
    const shards = this.#batches.shardsBefore(shard, id);
    return shards === undefined ? undefined : { ...content, hash: chainedHash(before, content, shards) };
  }
}

/** Checks all batches of an archive. @returns the flaws. */
export function findFlaws(database: DatabaseSync, progress: Progress) {
  const last =
    (database.prepare("SELECT max(id) AS last FROM batches").get()?.["last"] as number | null) ?? 0;
  const walk = new BatchWalk(database, 0);
  const flaws = [];
  while (walk.at < last) {
    flaws.push(...walk.step(last, STEP_BYTES));
    progress(walk.at, last);
  }
  return [...flaws, ...walk.finish()];
}

/** A source that looks up batches in another archive. */
export function archiveSource(database: DatabaseSync): CopySource {
  const find = database.prepare(
    `SELECT ${ROW_COLUMNS} FROM batches WHERE shard = ? AND epoch = ? AND seq = ?`,
  );
  return async (shard, { id }) => {
    if (id === null) return undefined;
    const row = rowOf(find, shard, id.epoch, id.seq);
    const batch = row === undefined ? undefined : batchRowOf(row);
    return batch !== undefined && checksumOf(batch) === batch.checksum ? batch : undefined;
  };
}

/**
 * Replaces a malformed or missing `archive.sqlite` by a new one with all batches that can still be read. Batches keep
 * their numbers. The index is deleted; the next start rebuilds it.
 *
 * @param like an archive with about as many rows, used if this one does not tell how many it had.
 * @returns the number of batches copied.
 */
export function salvage(folder: string, like: DatabaseSync | undefined): number {
  const path = join(folder, "archive.sqlite");
  const newPath = `${path}.new`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${newPath}${suffix}`, { force: true });
  const target = openDatabase(newPath);
  const source = existsSync(path) ? openUnlessMalformed(path) : undefined;
  const copied =
    source === undefined ? 0 : copyRows(source, target, lastOf(source) ?? (like && lastOf(like)) ?? 0);
  source?.close();
  target.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  target.close();
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  renameSync(newPath, path);
  rmSync(join(folder, "index"), { recursive: true, force: true });
  syncFolder(folder);
  return copied;
}

function copyRows(source: DatabaseSync, target: DatabaseSync, last: number): number {
  const insert = target.prepare("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  let copied = 0;
  target.exec("BEGIN");
  for (let number = 1; number <= last; number++) {
    const row = unlessMalformed(() =>
      source.prepare(`SELECT ${ROW_COLUMNS} FROM batches WHERE id = ?`).get(number),
    );
    const batch = row === undefined ? undefined : batchRowOf(row);
    if (batch === undefined || checksumOf(batch) !== batch.checksum) continue;
    const { shard, id, timeMs, count, checksum, hash, body } = batch;
    insert.run(number, shard, id.epoch, id.seq, timeMs, count, checksum, hash, body);
    copied += 1;
  }
  target.exec("COMMIT");
  return copied;
}

function lastOf(database: DatabaseSync): number | undefined {
  for (const where of ["", " INDEXED BY batches_by_place"]) {
    const row = unlessMalformed(() => database.prepare(`SELECT max(id) AS last FROM batches${where}`).get());
    if (typeof row?.["last"] === "number") return row["last"];
  }
  return undefined;
}

function openUnlessMalformed(path: string): DatabaseSync | undefined {
  return unlessMalformed(() => {
    const database = new DatabaseSync(path);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  });
}

function unlessMalformed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMalformed(error)) return undefined;
    throw error;
  }
}
