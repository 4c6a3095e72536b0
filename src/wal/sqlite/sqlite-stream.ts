/**
 * The embedded log: one SQLite file per stream, in WAL mode with `synchronous=FULL`, so that a commit is synced
 * before it returns. SQLite itself discards a torn tail after the last complete commit.
 *
 * Measured with 12 KB entries: a rowid table with a unique index is 12 % faster than WITHOUT ROWID, which keeps large
 * values in inner pages. Larger pages and rarer checkpoints were slower.
 */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { assert } from "../../errors/assert.ts";
import { syncFolder } from "../../sync-folder.ts";
import { formatLogId, LogError, type LogId, type LogStream, type StoredEntry } from "../wal.ts";
import { hasTable, hasWriter, openForReading, readOnce } from "./sqlite-read-only.ts";

const BUSY_TIMEOUT_MS = 2_000;
/** Result codes (low byte) after which SQLite has certainly stored nothing: busy, locked, read-only, full, too big. */
const REFUSALS: ReadonlySet<number> = new Set([5, 6, 8, 13, 18]);
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

type Open = Readonly<{
  database: DatabaseSync;
  inode: number;
  /** See sqlite-read-only.ts. */
  immutable: boolean;
  insert: StatementSync;
  last: StatementSync;
  find: StatementSync;
  after: StatementSync;
  trim: StatementSync;
}>;

export class SqliteStream implements LogStream {
  readonly name: string;
  readonly restarts = 0;
  /** After a failed sync the content of the disk is unknown, and reading it back would read the page cache. */
  readonly resolvable = false;
  readonly #file: string;
  readonly #busyTimeoutMs: number;
  readonly #readOnly: boolean;
  #open: Open | undefined;
  #closed = false;

  /**
   * @param options.busyTimeoutMs how long to wait for another process that writes to the file.
   * @param options.readOnly inspects a log, also that of a running server: creates and changes nothing.
   */
  constructor(file: string, options: Readonly<{ busyTimeoutMs?: number; readOnly?: boolean }> = {}) {
    this.#file = file;
    this.#readOnly = options.readOnly ?? false;
    this.#busyTimeoutMs = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
    this.name = file;
  }

  /** See docs/adr/0016-checks-before-a-claim-and-watchdogs.md. */
  async settle(): Promise<void> {
    const open = this.#existing();
    if (open !== undefined && !this.#run(() => checkpointAndTruncate(open.database)))
      throw new LogError("log_unavailable", `${this.name} is in use by another reader`);
  }

  async last(): Promise<StoredEntry | undefined> {
    const row = this.#query((open) => open.last.get());
    return row && toEntry(row);
  }

  async append(id: LogId, bytes: Uint8Array, create = false): Promise<void> {
    assert(!this.#readOnly, "nothing is appended to a stream that was opened for reading");
    const open = create ? this.#create() : this.#existing();
    if (open === undefined) throw new LogError("stream_missing", `${this.name} does not exist`);
    const { changes } = this.#run(() => open.insert.run(id.epoch, id.seq, bytes, create ? 1 : 0));
    if (changes === 1) return;
    const last = await this.last();
    if (last === undefined) throw new LogError("stream_missing", `${this.name} is empty`);
    throw new LogError(
      "fenced",
      `${this.name}: ${formatLogId(id)} is not above ${formatLogId(last.id)}, the last entry`,
    );
  }

  async read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    const read = this.#query((open) => {
      const entries: StoredEntry[] = [];
      let bytes = 0;
      for (const row of open.after.iterate(after?.epoch ?? -1, after?.seq ?? 0)) {
        const entry = toEntry(row);
        bytes += entry.bytes.byteLength;
        if (entries.length > 0 && bytes > bytesMax) break;
        entries.push(entry);
      }
      return entries;
    });
    return read ?? [];
  }

  async find(id: LogId): Promise<Uint8Array | undefined> {
    const row = this.#query((open) => open.find.get(id.epoch, id.seq));
    return row && toEntry(row).bytes;
  }

  /** The file keeps its size; freed pages are reused. The newest entry stays, for fencing. */
  async trim(below: LogId, entriesMax: number): Promise<boolean> {
    const open = this.#existing();
    if (open === undefined) return false;
    return this.#run(() => open.trim.run(below.epoch, below.seq, entriesMax)).changes === entriesMax;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open?.database.close();
    this.#open = undefined;
  }

  /** The open file; `undefined` if it does not exist, or was deleted or replaced while we had it open. */
  #existing(): Open | undefined {
    if (this.#closed) throw new LogError("log_unavailable", `${this.name} is closed`);
    const inode = statSync(this.#file, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return undefined;
    if (this.#open !== undefined) return this.#open.inode === inode ? this.#open : undefined;
    const open = this.#readOnly ? openReadOnly : openFile;
    this.#open = this.#run(() => open(this.#file, inode, this.#busyTimeoutMs));
    return this.#open;
  }

  /** Runs a read on the file; `undefined` if there is no file. */
  #query<T>(ask: (open: Open) => T): T | undefined {
    const open = this.#existing();
    if (open === undefined) return undefined;
    if (!open.immutable) return this.#run(() => ask(open));
    const answer = hasWriter(this.#file) ? undefined : this.#run(() => ask(open));
    if (!hasWriter(this.#file)) return answer;
    // A server has started while we read and may have changed pages under us: read again.
    open.database.close();
    this.#open = undefined;
    return this.#query(ask);
  }

  #create(): Open {
    const folder = dirname(this.#file);
    mkdirSync(folder, { recursive: true });
    if (!existsSync(this.#file)) this.#run(() => new DatabaseSync(this.#file).close());
    const open = this.#existing();
    if (open === undefined) throw new LogError("log_unavailable", `${this.name} cannot be created`);
    // The directory entries of the file and of its folder must survive a power cut, too.
    syncFolder(folder);
    syncFolder(dirname(folder));
    return open;
  }

  #run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translate(this.name, error);
    }
  }
}

function translate(name: string, error: unknown): unknown {
  if (error instanceof LogError || !(error instanceof Error)) return error;
  const code = "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
  if (code === undefined) return error;
  if (code === CORRUPT || code === NOT_A_DATABASE) {
    const message = `${name}: SQLite says "${error.message}"; restore the file from a copy`;
    return new LogError("log_corrupt", message, { cause: error });
  }
  return new LogError(
    REFUSALS.has(code) ? "append_refused" : "log_unavailable",
    `${name}: SQLite says "${error.message}"`,
    { cause: error },
  );
}

/**
 * Copies the content of SQLite's WAL into the database file, syncs that, and truncates the WAL. After a failed sync
 * the WAL may be only in the page cache, and syncing it again would succeed without writing. The copies are new
 * writes.
 *
 * @returns false if another connection prevents truncating the WAL.
 */
export function checkpointAndTruncate(database: DatabaseSync): boolean {
  return database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
}

function openFile(file: string, inode: number, busyTimeoutMs: number): Open {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    // fullfsync is for macOS, where fsync does not reach the disk. It has no effect elsewhere.
    database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1");
    const found = `${readPragma(database, "journal_mode")}/${readPragma(database, "synchronous")}`;
    if (found !== "wal/2") {
      throw new LogError(
        "log_misconfigured",
        `${file}: SQLite does not keep journal_mode/synchronous wal/2 (FULL) but ${found}; is the folder on a local disk?`,
      );
    }
    database.exec(
      "CREATE TABLE IF NOT EXISTS entry (epoch INTEGER NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (epoch, seq)) STRICT",
    );
    return { database, inode, immutable: false, ...prepareStatements(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Counts the entries of a file without creating or changing it. @throws LogError as the stream's methods do. */
export function countEntries(file: string): number {
  if (!existsSync(file)) return 0;
  try {
    return readOnce(file, "entry", countRows) ?? 0;
  } catch (error) {
    throw translate(file, error);
  }
}

function countRows(database: DatabaseSync): number {
  return Number(database.prepare("SELECT COUNT(*) AS entries FROM entry").get()?.["entries"]);
}

/** `undefined` if the file has no table yet. */
function openReadOnly(file: string, inode: number, busyTimeoutMs: number): Open | undefined {
  const { database, immutable } = openForReading(file, busyTimeoutMs);
  try {
    if (hasTable(database, "entry")) return { database, inode, immutable, ...prepareStatements(database) };
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return undefined;
}

function prepareStatements(database: DatabaseSync) {
  return {
    // One statement is one transaction, so the check of the last id and the insert are atomic.
    insert: database.prepare(
      "INSERT INTO entry SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM entry WHERE (epoch, seq) >= (?1, ?2)) AND (?4 OR EXISTS (SELECT 1 FROM entry))",
    ),
    last: database.prepare("SELECT epoch, seq, bytes FROM entry ORDER BY epoch DESC, seq DESC LIMIT 1"),
    find: database.prepare("SELECT epoch, seq, bytes FROM entry WHERE epoch = ? AND seq = ?"),
    after: database.prepare(
      "SELECT epoch, seq, bytes FROM entry WHERE (epoch, seq) > (?, ?) ORDER BY epoch, seq",
    ),
    trim: database.prepare(
      "DELETE FROM entry WHERE (epoch, seq) IN (SELECT epoch, seq FROM entry WHERE (epoch, seq) < (?1, ?2) AND (epoch, seq) < (SELECT epoch, seq FROM entry ORDER BY epoch DESC, seq DESC LIMIT 1) ORDER BY epoch, seq LIMIT ?3)",
    ),
  };
}

function readPragma(database: DatabaseSync, name: string): string {
  return String(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function toEntry({ epoch, seq, bytes }: Readonly<Record<string, SQLOutputValue>>): StoredEntry {
  assert(
    typeof epoch === "number" && typeof seq === "number" && bytes instanceof Uint8Array,
    "the table is STRICT, so its columns have their types",
  );
  return { id: { epoch, seq }, bytes };
}
