/**
 * The list of deliveries that partners can look at: for each webhook and event the number of tries and the last answer.
 * It lies beside the log and may be lost: what still has to be delivered is in the log.
 */
import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { DeliveriesQuery, Delivery, DeliveryStatus } from "../gateway/ports.ts";
import type { Tried } from "./webhook-service.ts";

/** Rows kept for one webhook, of those that were delivered and of the others; the oldest go first. */
const ROWS_MAX = 1_000;
/** Rows above the bound before they are deleted. */
const ROWS_SLACK = 100;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    webhook TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL,
    tries INTEGER NOT NULL,
    http_status INTEGER,
    answer TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    UNIQUE (partner, webhook, event)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deliveries_by_status ON deliveries (partner, webhook, status = 'delivered', id);
`;

export type Note = Tried & Readonly<{ atMs: number }>;

export class DeliveryLog {
  readonly #database: DatabaseSync;
  readonly #onFailure: (error: unknown) => void;
  readonly #note: StatementSync;
  readonly #list: StatementSync;
  readonly #trim: StatementSync;
  readonly #forget: StatementSync;
  /** Rows noted since the last trim, by webhook. */
  readonly #noted = new Map<string, number>();
  #hasFailed = false;

  /**
   * @param path the file. One that is damaged is replaced.
   * @param onFailure called with the first of several failures in a row: the disk may be full.
   */
  constructor(path: string, onFailure: (error: unknown) => void) {
    this.#database = openOrReplace(path);
    this.#onFailure = onFailure;
    this.#note = this.#database.prepare(`
      INSERT INTO deliveries
        (partner, webhook, event, type, subject, status, tries, http_status, answer, first_at_ms, last_at_ms)
      VALUES (:partner, :webhook, :event, :type, :subject, :status, :tries, :httpStatus, :answer, :atMs, :atMs)
      ON CONFLICT (partner, webhook, event) DO UPDATE SET
        status = excluded.status, tries = max(tries, excluded.tries),
        http_status = coalesce(excluded.http_status, http_status),
        answer = CASE WHEN excluded.status = 'parked' THEN answer ELSE excluded.answer END,
        last_at_ms = excluded.last_at_ms`);
    this.#list = this.#database.prepare(`
      SELECT * FROM deliveries
      WHERE partner = :partner AND webhook = :webhook AND id < :before
        AND (:status IS NULL OR status = :status) AND (:event IS NULL OR event = :event)
      ORDER BY id DESC LIMIT :limit`);
    this.#trim = this.#database.prepare(`
      DELETE FROM deliveries
      WHERE partner = :partner AND webhook = :webhook AND (status = 'delivered') = :delivered AND id <= (
        SELECT id FROM deliveries
        WHERE partner = :partner AND webhook = :webhook AND (status = 'delivered') = :delivered
        ORDER BY id DESC LIMIT 1 OFFSET ${ROWS_MAX})`);
    this.#forget = this.#database.prepare("DELETE FROM deliveries WHERE partner = ? AND webhook = ?");
  }

  note({ partner, webhook, entry, tries, state: status, result, atMs }: Note): void {
    const { id: event, type, subject } = entry;
    const { status: httpStatus = null, answer = "" } = result ?? {};
    this.#guarded(() => {
      this.#note.run({
        partner,
        webhook,
        event,
        type,
        subject,
        status,
        tries,
        httpStatus,
        answer,
        atMs,
      });
      const key = `${partner}\0${webhook}`;
      const noted = (this.#noted.get(key) ?? 0) + 1;
      this.#noted.set(key, noted < ROWS_SLACK ? noted : 0);
      if (noted < ROWS_SLACK) return;
      for (const delivered of [0, 1]) this.#trim.run({ partner, webhook, delivered });
    });
  }

  /** Newest first. */
  list({ partner, webhook, status, event, before, limit }: DeliveriesQuery): readonly Delivery[] {
    const query = { partner, webhook, status: status ?? null, event: event ?? null, before, limit };
    return this.#list.all(query).map(deliveryOf);
  }

  /** Deletes all rows of a webhook. */
  forget(partner: string, webhook: string): void {
    this.#noted.delete(`${partner}\0${webhook}`);
    this.#guarded(() => this.#forget.run(partner, webhook));
  }

  close(): void {
    this.#database.close();
  }

  #guarded(work: () => void): void {
    try {
      work();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#onFailure(error);
      this.#hasFailed = true;
    }
  }
}

function openOrReplace(path: string): DatabaseSync {
  try {
    return opened(path);
  } catch {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    return opened(path);
  }
}

function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(SCHEMA);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

type Row = ReturnType<StatementSync["all"]>[number];

function deliveryOf(row: Row): Delivery {
  const httpStatus = row["http_status"];
  return {
    row: Number(row["id"]),
    event: String(row["event"]),
    type: String(row["type"]),
    subject: String(row["subject"]),
    status: statusOf(row["status"]),
    tries: Number(row["tries"]),
    httpStatus: httpStatus === null ? null : Number(httpStatus),
    answer: String(row["answer"]),
    firstAtMs: Number(row["first_at_ms"]),
    lastAtMs: Number(row["last_at_ms"]),
  };
}

function statusOf(value: unknown): DeliveryStatus {
  return value === "delivered" || value === "parked" ? value : "failed";
}
