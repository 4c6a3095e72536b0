/** Puts an archive in order that no server has open: damaged batches are replaced by whole copies from elsewhere. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { syncFolder } from "../../sync-folder.ts";
import type { Batch } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import { inTransaction, isMalformed, openDatabase, putSetting, rowOf } from "../database.ts";
import { chainedHash, findShards, HAS_NO_LINK } from "./batch-chain.ts";
import { batchRowOf, checksumOf, ROW_COLUMNS } from "./batch-row.ts";
import { BatchTable } from "./batch-table.ts";
import { BatchWalk } from "./batch-walk.ts";
import { type Damage, DamageTable, placeText } from "./damage-table.ts";

const STEP_BYTES = 8 * 1024 * 1024;
/** An `index_format` that no version has written: the next start builds the index anew. */
const NO_INDEX_FORMAT = 0;

/** Where whole copies may be. */
export type Source = (shard: number, damage: Damage) => Promise<Batch | undefined>;

export type Progress = (done: number, of: number) => void;

export class ArchiveRepair {
  readonly #database: DatabaseSync;
  readonly #damages: DamageTable;
  readonly #batches: BatchTable;

  /** @throws ArchiveError `archive_corrupt`: it must be salvaged first. */
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

  /** Reads every batch, and remembers which are damaged. */
  check(progress: Progress): readonly Damage[] {
    const flaws = walkAll(this.#database, progress);
    inTransaction(this.#database, () => {
      const places = new Set(flaws.map(placeText));
      for (const known of this.#damages.all) if (!places.has(placeText(known))) this.#damages.remove(known);
      for (const flaw of flaws) this.#damages.add(flaw);
    });
    return this.#damages.all;
  }

  /** @returns whether the batch is whole now. */
  async mend(damage: Damage, sources: readonly Source[]): Promise<boolean> {
    const { shard, id, indexed, reason } = damage;
    if (shard === null || id === null) return false;
    const own = this.#rehashed(damage);
    for (const source of [async () => own, ...sources]) {
      const batch = await source(shard, damage);
      if (batch === undefined || !inTransaction(this.#database, () => this.#batches.restore(shard, batch)))
        continue;
      if (!indexed || reason === HAS_NO_LINK) putSetting(this.#database, "index_format", NO_INDEX_FORMAT);
      return true;
    }
    return false;
  }

  /** Takes over what another copy has beyond the end of this one. @returns how many batches that were. */
  extend(copy: DatabaseSync): number {
    let taken = 0;
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
      taken += 1;
    }
    return taken;
  }

  close(): void {
    this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#database.close();
  }

  #missing(shard: number, batch: Batch): readonly Batch[] {
    try {
      return this.#batches.missing(shard, [batch]);
    } catch (error) {
      // It does not continue what is here.
      if (error instanceof ArchiveError) return [];
      throw error;
    }
  }

  /** A batch of which only the hash is wrong says itself what the right one is. */
  #rehashed({ kind, number, shard, id }: Damage): Batch | undefined {
    if (kind !== "hash" || number === null || shard === null || id === null) return undefined;
    const { body, timeMs, count } = this.#batches.read(number);
    const before = this.#batches.witnessBefore(shard, id);
    const content = { id, timeMs, count, body };
    const shards = this.#batches.shardsBefore(shard, id);
    return shards === undefined ? undefined : { ...content, hash: chainedHash(before, content, shards) };
  }
}

/** What is wrong with the batches of an archive. */
export function walkAll(database: DatabaseSync, progress: Progress) {
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

/** The copy of a batch in another archive. */
export function copyIn(database: DatabaseSync): Source {
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
 * Makes a new `archive.sqlite` of all batches that can still be read from one that SQLite finds malformed, or that is gone.
 * They keep their numbers; the index is removed, and built anew at the next start.
 *
 * @param like an archive with about as many rows, for where this one does not say how many it had.
 */
export function salvage(folder: string, like: DatabaseSync | undefined): number {
  const path = join(folder, "archive.sqlite");
  const fresh = `${path}.new`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${fresh}${suffix}`, { force: true });
  const target = openDatabase(fresh);
  const source = existsSync(path) ? openQuietly(path) : undefined;
  const copied =
    source === undefined ? 0 : copyRows(source, target, lastOf(source) ?? (like && lastOf(like)) ?? 0);
  source?.close();
  target.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  target.close();
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  renameSync(fresh, path);
  rmSync(join(folder, "index"), { recursive: true, force: true });
  syncFolder(folder);
  return copied;
}

function copyRows(source: DatabaseSync, target: DatabaseSync, last: number): number {
  const insert = target.prepare("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  let copied = 0;
  target.exec("BEGIN");
  for (let number = 1; number <= last; number++) {
    const row = orUndefined(() =>
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
    const row = orUndefined(() => database.prepare(`SELECT max(id) AS last FROM batches${where}`).get());
    if (typeof row?.["last"] === "number") return row["last"];
  }
  return undefined;
}

function openQuietly(path: string): DatabaseSync | undefined {
  return orUndefined(() => {
    const database = new DatabaseSync(path);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  });
}

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMalformed(error)) return undefined;
    throw error;
  }
}
