/** The archive's SQLite database: schema, settings, transactions. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ArchiveError } from "./archive-error.ts";

/** SQLite result codes: the file is damaged, or is not a database. */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Raised when the meaning of the stored files changes. */
const FORMAT_VERSION = 1;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, count INTEGER NOT NULL, checksum INTEGER NOT NULL,
    hash BLOB NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS batches_by_place ON batches (shard, epoch, seq);
  CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, level INTEGER NOT NULL, width INTEGER NOT NULL,
    entries INTEGER NOT NULL, base INTEGER NOT NULL, checksum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS damage (
    number INTEGER, shard INTEGER, epoch INTEGER, seq INTEGER, kind TEXT NOT NULL, reason TEXT NOT NULL,
    indexed INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS accounts (
    partner TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (partner, id)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Opens the archive's database.
 *
 * synchronous=NORMAL: a commit is consistent when it returns, but not yet durable. After a power loss the archive may
 * have lost its newest batches and reads them again from the log, which is trimmed only below positions that a
 * checkpoint has made durable.
 *
 * Checkpoints are small (4 MiB), because the log's sync waits for the disk behind them: a large one would raise the
 * latency of every command.
 *
 * Pages of 16 KiB need few overflow pages for a large batch and hold several small ones.
 */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  return orMalformed(path, () => open(path));
}

/** @throws ArchiveError `archive_corrupt`: SQLite reports that the file is damaged. */
export function orMalformed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isMalformed(error)) throw error;
    throw new ArchiveError(
      "archive_corrupt",
      `the archive ${path} is malformed: SQLite says "${error.message}"; stop the server and run ` +
        "`daybook archive repair`",
      { cause: error },
    );
  }
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA page_size = 16384;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = 256;
    ${SCHEMA}
  `);
  const version = setting(database, "format", () => FORMAT_VERSION);
  if (version !== FORMAT_VERSION) {
    database.close();
    throw new ArchiveError(
      "archive_corrupt",
      `the archive ${path} has format ${version}, not ${FORMAT_VERSION}`,
    );
  }
  return database;
}

/** Reads a stored number; stores the result of `choose` if there is none yet. */
export function setting(database: DatabaseSync, name: string, choose: () => number): number {
  const found = database.prepare("SELECT value FROM settings WHERE name = ?").get(name);
  if (found !== undefined) return found["value"] as number;
  const value = choose();
  putSetting(database, name, value);
  return value;
}

export function putSetting(database: DatabaseSync, name: string, value: number): void {
  database.prepare("INSERT OR REPLACE INTO settings VALUES (?, ?)").run(name, value);
}

export function randomSeed(): number {
  return randomBytes(4).readUInt32LE();
}

export type Row = Readonly<Record<string, unknown>>;

export function rowOf(statement: StatementSync, ...values: (number | string)[]): Row | undefined {
  return statement.get(...values);
}

/** Whether SQLite reports that its file is damaged. */
export function isMalformed(error: unknown): error is Error {
  if (!(error instanceof Error && "errcode" in error && typeof error.errcode === "number")) return false;
  const code = error.errcode & 0xff;
  return code === CORRUPT || code === NOT_A_DATABASE;
}
