/** Compares the feed of events with the books: it has every event once, and each subject's in the subject's order. */

import type { Client } from "../support/client.ts";
import { type FeedEvent, pagesOfFeed } from "../support/event-stream.ts";
import type { Books } from "./books.ts";
import { type Query, reportOf } from "./comparison.ts";

const TABLE = `
  DROP TABLE IF EXISTS found_event;
  CREATE TABLE found_event (
    place INTEGER PRIMARY KEY, id TEXT, type TEXT, subject TEXT, transfer TEXT, memo TEXT, amount INTEGER, balance INTEGER
  );`;
const INDEXES = `
  CREATE INDEX found_event_transfer ON found_event (transfer, type);
  CREATE INDEX found_event_id ON found_event (id);
  CREATE INDEX found_event_memo ON found_event (memo);
  CREATE INDEX IF NOT EXISTS found_entry_transfer ON found_entry (transfer, account);`;

const QUERIES: readonly Query[] = [
  {
    sql: "SELECT id, count(*) AS times FROM found_event GROUP BY id HAVING times > 1",
    say: ({ id, times }) => `Event ${id} is in the feed ${times} times.`,
  },
  {
    sql: `SELECT id, type, transfer FROM found_event
          WHERE type LIKE 'transfer.%' AND type <> 'transfer.failed' AND transfer NOT IN (SELECT id FROM transfer)`,
    say: ({ id, type, transfer }) => `Event ${id}, ${type}, is about ${transfer}, of which nobody was told.`,
  },
  {
    // A transfer that was pending may have been posted in parts.
    sql: `SELECT * FROM (
            SELECT id, status,
              (SELECT count(*) FROM found_event WHERE transfer = told.id AND type = 'transfer.' || told.status) AS events,
              (SELECT count(*) FROM found_event WHERE transfer = told.id AND type = 'transfer.pending') AS pending
            FROM transfer AS told)
          WHERE events = 0 OR pending > 1 OR (events > 1 AND (pending = 0 OR status <> 'posted'))`,
    say: ({ id, status, events }) => `Transfer ${id} is ${status}, and has ${events} events of that.`,
  },
  {
    sql: `SELECT id, reverted_by,
            (SELECT count(*) FROM found_event WHERE transfer = told.id AND type = 'transfer.reverted') AS events
          FROM transfer AS told WHERE events <> (reverted_by IS NOT NULL)`,
    say: ({ id, reverted_by, events }) =>
      `Transfer ${id}, reverted by ${reverted_by}, has ${events} events of that.`,
  },
  {
    // The account that a transfer is about has the transfer's own event.
    sql: `SELECT account, transfer, amount, balance, sum(entry) AS entries, sum(event) AS events FROM (
            SELECT account, transfer, amount, balance, 1 AS entry, 0 AS event FROM found_entry
            WHERE amount > 0 AND account NOT LIKE '@%' AND account NOT IN (
              SELECT subject FROM found_event
              WHERE found_event.transfer = found_entry.transfer AND type = 'transfer.posted')
            UNION ALL SELECT subject, transfer, amount, balance, 0, 1 FROM found_event WHERE type = 'transfer.received')
          GROUP BY account, transfer, amount, balance HAVING entries <> events`,
    say: ({ account, transfer, amount, entries, events }) =>
      `${account} got ${amount} by ${transfer} in ${entries} entries; the feed says so ${events} times.`,
  },
  {
    sql: `SELECT key, outcome, events FROM (
            SELECT json_extract(ask, '$.key') AS key, outcome,
              (SELECT count(*) FROM found_event
               WHERE type = 'transfer.failed' AND memo = json_extract(ask, '$.key')) AS events
            FROM asked WHERE json_extract(ask, '$.kind') IN ('transfer', 'item'))
          WHERE events <> (outcome NOT IN (SELECT id FROM transfer))`,
    say: ({ key, outcome, events }) =>
      `Key ${key} was told ${outcome}, and ${events} events say that it failed.`,
  },
  {
    sql: `SELECT * FROM (
            SELECT place, subject, seq, lag(seq) OVER (PARTITION BY subject ORDER BY place) AS before FROM found_event
            JOIN found_entry ON found_entry.transfer = found_event.transfer AND account = subject
              AND found_entry.amount = found_event.amount AND found_entry.balance = found_event.balance
            WHERE type = 'transfer.received')
          WHERE seq < before`,
    say: ({ subject, seq, before }) => `The feed shows entry ${seq} of ${subject} after its entry ${before}.`,
  },
];

/** Reads the whole feed. @returns faults, as sentences */
export async function eventFaults(books: Books, api: Client): Promise<readonly string[]> {
  const { database } = books;
  database.exec(TABLE);
  database.exec("BEGIN");
  for await (const page of pagesOfFeed(api, "/v1/events?limit=500"))
    for (const event of page) take(books, event);
  database.exec("COMMIT");
  return foundFaults(books);
}

/** Compares events that were read already. */
export function foundFaults({ database }: Books): readonly string[] {
  database.exec(INDEXES);
  return reportOf(database, QUERIES);
}

function take(books: Books, { id, type, subject, data }: FeedEvent): void {
  const transfer = type.startsWith("transfer.") ? textOrNull(data["id"]) : null;
  books.run(
    "INSERT INTO found_event (id, type, subject, transfer, memo, amount, balance) VALUES (?, ?, ?, ?, ?, ?, ?)",
    id,
    type,
    subject,
    transfer,
    textOrNull(data["memo"]),
    numberOrNull(data["amount"]),
    numberOrNull(data["balance"]),
  );
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
