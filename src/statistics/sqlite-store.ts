/**
 * Statistics in an SQLite file. The service writes it, and the server reads it at the same time, which an embedded
 * analytical database such as DuckDB does not allow for two processes (docs/adr/0027-statistics.md).
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { messageOf } from "../errors/error-message.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { type Checkpoint, checkpointOf, checkpointText, type Sample } from "./checkpoint.ts";
import type { Rows } from "./rows.ts";
import { KEPT_DAYS, type Series, type SeriesReader, type StatisticsStore, type Values } from "./store.ts";
import { type ColumnType, columnsOf, keyOf, TABLE_NAMES, type TableName } from "./tables.ts";

const BUSY_TIMEOUT_MS = 5_000;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Each scans its tables. */
const DROP_MS = 30 * DAY_MS;
/** Smaller transactions write the same pages of the tables more often. */
const ROWS_PER_COMMIT = 20_000;
/** Look-ups in one turn of the event loop, some 5 µs each. */
const LOOK_UPS_PER_TURN = 200;

const COLUMNS = Object.fromEntries(
  TABLE_NAMES.map((table) => [table, Object.keys(columnsOf(table))]),
) as unknown as Readonly<Record<TableName, readonly string[]>>;
const TYPES: Readonly<Record<ColumnType, string>> = {
  text: "TEXT",
  word: "TEXT",
  whole: "INTEGER",
  time: "INTEGER",
};

/** Values are texts because sums may exceed 64 bits. */
const SAMPLES = `
  CREATE TABLE IF NOT EXISTS samples (
    partner TEXT NOT NULL, series TEXT NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (partner, series, at)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS checkpoints (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
`;
const LATEST_TRANSFERS = `
  CREATE VIEW IF NOT EXISTS latest_transfers AS
  SELECT * FROM (
    SELECT *, row_number() OVER (
      PARTITION BY partner, transfer ORDER BY at DESC, epoch DESC, seq DESC, record DESC
    ) AS age FROM transfers
  ) WHERE age = 1;
`;
const NEWEST_SAMPLES = `
  SELECT partner, series, at, value FROM samples
  WHERE (partner, series, at) IN (SELECT partner, series, max(at) FROM samples WHERE at <= ? GROUP BY partner, series)
`;

/** @param dataDir the server's DATA_DIR. */
export function statisticsFolder(dataDir: string): string {
  return join(dataDir, "statistics");
}

function statisticsFile(dataDir: string): string {
  return join(statisticsFolder(dataDir), "statistics.sqlite");
}

export class SqliteStatistics implements StatisticsStore {
  readonly #database: DatabaseSync;
  readonly #inserts: Readonly<Record<TableName, StatementSync>>;
  readonly #insertSample: StatementSync;
  readonly #insertCheckpoint: StatementSync;
  readonly #reader: SeriesReader;
  #checkpointMs = 0;
  #uncommitted = 0;
  /** Some 15 ms of work, for which the process does nothing else. */
  readonly pageBytes = 1 << 17;

  /** @param rebuild drops what is there. */
  constructor(dataDir: string, { rebuild = false }: Readonly<{ rebuild?: boolean }> = {}) {
    mkdirSync(statisticsFolder(dataDir), { recursive: true });
    const database = new DatabaseSync(statisticsFile(dataDir), { timeout: BUSY_TIMEOUT_MS });
    this.#database = database;
    // The statistics can be built anew from the archive, so a commit need not wait for the disk.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;");
    if (rebuild)
      for (const table of [...TABLE_NAMES, "samples", "checkpoints"])
        database.exec(`DROP TABLE IF EXISTS ${table}`);
    for (const table of TABLE_NAMES) database.exec(tableSql(table));
    database.exec(SAMPLES + LATEST_TRANSFERS);
    this.#inserts = Object.fromEntries(
      TABLE_NAMES.map((table) => [table, database.prepare(insertSql(table))]),
    ) as Record<TableName, StatementSync>;
    this.#insertSample = database.prepare("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?)");
    this.#insertCheckpoint = database.prepare("INSERT OR REPLACE INTO checkpoints VALUES (1, ?, ?)");
    this.#reader = new SqliteSeries(dataDir);
  }

  async restore(): Promise<Readonly<{ checkpoint: Checkpoint; samples: readonly Sample[] }> | undefined> {
    const state = this.#database.prepare("SELECT state FROM checkpoints WHERE id = 1").get()?.["state"];
    if (state === undefined) return undefined;
    const checkpoint = checkpointOf(String(state));
    this.#checkpointMs = checkpoint.at;
    const samples = this.#database
      .prepare(NEWEST_SAMPLES)
      .all(checkpoint.at)
      .map((row) => ({
        partner: String(row["partner"]),
        series: String(row["series"]),
        at: Number(row["at"]),
        value: BigInt(String(row["value"])),
      }));
    return { checkpoint, samples };
  }

  async writeRows(rows: Rows): Promise<void> {
    this.#write(() => {
      for (const table of TABLE_NAMES) {
        const columns = COLUMNS[table];
        const insert = this.#inserts[table];
        for (const row of rows[table]) {
          // The tables name the columns of the rows, so each is there.
          const values = row as unknown as Readonly<Record<string, SQLInputValue>>;
          insert.run(...columns.map((column) => values[column] ?? null));
        }
        this.#uncommitted += rows[table].length;
      }
    });
    if (this.#uncommitted >= ROWS_PER_COMMIT) await this.flush();
  }

  async writeSamples(samples: readonly Sample[]): Promise<void> {
    this.#write(() => {
      for (const { partner, series, at, value } of samples)
        this.#insertSample.run(partner, series, at, String(value));
    });
  }

  async writeCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const { at } = checkpoint;
    this.#write(() => {
      this.#insertCheckpoint.run(at, checkpointText(checkpoint));
      if (Math.floor(at / DROP_MS) > Math.floor(this.#checkpointMs / DROP_MS))
        this.#dropOld(at - KEPT_DAYS * DAY_MS);
    });
    await this.flush();
    this.#checkpointMs = at;
  }

  async flush(): Promise<void> {
    if (this.#database.isTransaction) this.#orRollBack(() => this.#database.exec("COMMIT"));
    this.#uncommitted = 0;
  }

  read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series> {
    return this.#reader.read(partner, series, moments);
  }

  async close(): Promise<void> {
    await this.#reader.close();
    this.#database.close();
  }

  /** Writes in the open transaction, or begins one. A failure loses all that it has: the service writes it again. */
  #write(work: () => void): void {
    if (!this.#database.isTransaction) this.#database.exec("BEGIN IMMEDIATE");
    this.#orRollBack(work);
  }

  #orRollBack(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #dropOld(beforeMs: number): void {
    for (const table of ["entries", "transfers", "events"] as const)
      this.#database.prepare(`DELETE FROM ${table} WHERE at < ?`).run(beforeMs);
  }
}

/** Reads the file that the service writes. It opens the file once it exists. */
export class SqliteSeries implements SeriesReader {
  readonly #file: string;
  #open: Readonly<{ database: DatabaseSync; newest: StatementSync; closedAt: StatementSync }> | undefined;

  /** @param dataDir the server's DATA_DIR. */
  constructor(dataDir: string) {
    this.#file = statisticsFile(dataDir);
  }

  async read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series> {
    const { newest, closedAt } = this.#opened();
    const closed = this.#orUnavailable(() => Number(closedAt.get()?.["at"] ?? 0));
    const values: Values[] = [];
    let lookUps = 0;
    for (const at of moments) {
      if (at > closed) break;
      values.push({
        at,
        values: this.#orUnavailable(() =>
          series.map((name) => BigInt(String(newest.get(partner, name, at)?.["value"] ?? "0"))),
        ),
      });
      lookUps += series.length;
      if (lookUps >= LOOK_UPS_PER_TURN) {
        lookUps = 0;
        await setImmediate();
      }
    }
    return { closedAt: closed, values };
  }

  async close(): Promise<void> {
    this.#open?.database.close();
    this.#open = undefined;
  }

  #opened() {
    if (this.#open !== undefined) return this.#open;
    if (!existsSync(this.#file))
      throw unavailable(
        "there are no statistics yet: start the statistics service with `npm run statistics`",
      );
    this.#open = this.#orUnavailable(() => {
      const database = new DatabaseSync(this.#file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
      return {
        database,
        newest: database.prepare(
          "SELECT value FROM samples WHERE partner = ? AND series = ? AND at <= ? ORDER BY at DESC LIMIT 1",
        ),
        closedAt: database.prepare("SELECT at FROM checkpoints WHERE id = 1"),
      };
    });
    return this.#open;
  }

  #orUnavailable<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      // The file may have been replaced, so the next read opens it again.
      this.#open = undefined;
      throw unavailable(`the statistics cannot be read: ${messageOf(error)}`, error);
    }
  }
}

function unavailable(message: string, cause?: unknown): OperatingError {
  return new OperatingError("statistics_unavailable", message, { cause });
}

function tableSql(table: TableName): string {
  const columns = Object.entries(columnsOf(table)).map(([name, type]) => `${name} ${TYPES[type]} NOT NULL`);
  return `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")}, PRIMARY KEY (${keyOf(table).join(", ")})) STRICT, WITHOUT ROWID`;
}

function insertSql(table: TableName): string {
  const columns = COLUMNS[table];
  return `INSERT OR REPLACE INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}
