/**
 * The list of deliveries that partners can look at: for each webhook and event the number of tries and the last answer.
 * It lies beside the log and may be lost: what still has to be delivered is in the log.
 */
import { chmodSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";

export type DeliveryState = "delivered" | "failed" | "parked";

/** `httpStatus`: `null` if there was no answer. `answer`: its first bytes, or why there was none. */
export type Delivery = Readonly<{
  id: number;
  event: string;
  type: string;
  subject: string;
  state: DeliveryState;
  tries: number;
  httpStatus: number | null;
  answer: string;
  firstAtMs: number;
  lastAtMs: number;
}>;

export type DeliveryNote = Omit<Delivery, "id" | "firstAtMs" | "lastAtMs"> &
  Readonly<{ partner: string; webhook: string; atMs: number }>;

/** Rows kept for one webhook; the oldest go first. */
const ROWS_MAX = 10_000;
/** Rows above the bound before they are deleted. */
const ROWS_SLACK = 1_000;

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
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    http_status INTEGER,
    answer TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    UNIQUE (partner, webhook, event)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deliveries_of_webhook ON deliveries (partner, webhook, id);
`;

export class DeliveryLog {
  readonly #database: DatabaseSync;
  readonly #note: StatementSync;
  readonly #list: StatementSync;
  readonly #one: StatementSync;
  readonly #trim: StatementSync;
  /** Rows added since the last trim, by webhook. */
  readonly #added = new Map<string, number>();

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    chmodSync(path, 0o600);
    this.#database.exec(SCHEMA);
    this.#note = this.#database.prepare(`
      INSERT INTO deliveries
        (partner, webhook, event, type, subject, state, tries, http_status, answer, first_at_ms, last_at_ms)
      VALUES (:partner, :webhook, :event, :type, :subject, :state, :tries, :httpStatus, :answer, :atMs, :atMs)
      ON CONFLICT (partner, webhook, event) DO UPDATE SET
        state = excluded.state, tries = max(tries, excluded.tries), http_status = excluded.http_status,
        answer = excluded.answer, last_at_ms = excluded.last_at_ms`);
    this.#list = this.#database.prepare(`
      SELECT * FROM deliveries
      WHERE partner = :partner AND webhook = :webhook AND id < :before AND (:state IS NULL OR state = :state)
      ORDER BY id DESC LIMIT :limit`);
    this.#one = this.#database.prepare(
      "SELECT * FROM deliveries WHERE partner = ? AND webhook = ? AND id = ?",
    );
    this.#trim = this.#database.prepare(`
      DELETE FROM deliveries WHERE partner = ? AND webhook = ? AND id <= (
        SELECT id FROM deliveries WHERE partner = ? AND webhook = ? ORDER BY id DESC LIMIT 1 OFFSET ${ROWS_MAX})`);
  }

  note(note: DeliveryNote): void {
    this.#note.run(note);
    const { partner, webhook } = note;
    const key = `${partner}\0${webhook}`;
    const added = (this.#added.get(key) ?? 0) + 1;
    this.#added.set(key, added < ROWS_SLACK ? added : 0);
    if (added >= ROWS_SLACK) this.#trim.run(partner, webhook, partner, webhook);
  }

  /** Newest first. @param before only deliveries with a smaller id. */
  list(
    partner: string,
    webhook: string,
    { state, before, limit }: Readonly<{ state: DeliveryState | null; before: number; limit: number }>,
  ): readonly Delivery[] {
    return this.#list.all({ partner, webhook, state, before, limit }).map(deliveryOf);
  }

  delivery(partner: string, webhook: string, id: number): Delivery | undefined {
    const row = this.#one.get(partner, webhook, id);
    return row === undefined ? undefined : deliveryOf(row);
  }

  close(): void {
    this.#database.close();
  }
}

type Row = ReturnType<StatementSync["all"]>[number];

function deliveryOf(row: Row): Delivery {
  const status = row["http_status"];
  return {
    id: Number(row["id"]),
    event: String(row["event"]),
    type: String(row["type"]),
    subject: String(row["subject"]),
    state: stateOf(row["state"]),
    tries: Number(row["tries"]),
    httpStatus: status === null ? null : Number(status),
    answer: String(row["answer"]),
    firstAtMs: Number(row["first_at_ms"]),
    lastAtMs: Number(row["last_at_ms"]),
  };
}

function stateOf(value: unknown): DeliveryState {
  return value === "delivered" || value === "parked" ? value : "failed";
}
