/** Compares what clients were told with what the server has; each difference is a sentence. */
import type { DatabaseSync } from "node:sqlite";
import type { Books, Expected } from "./books.ts";

/** Differences of one kind that are reported in full; one fault may cause a million of them. */
const SENTENCES_MAX = 20;
/** Differences of one kind that are counted. */
const ROWS_MAX = 10_000;

export type AccountView = Readonly<{
  id: string;
  asset: string;
  status: string;
  posted: number;
  held: number;
  available: number;
  seq: number;
  limits: readonly object[];
}>;

/** @param views all accounts of the server. */
export function accountFaults(
  views: readonly AccountView[],
  expected: ReadonlyMap<string, Expected>,
): readonly string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { id, status, posted, held, available, seq, limits } of views) {
    if (seen.has(id)) found.push(`${id} is listed twice.`);
    seen.add(id);
    const wanted = expected.get(id);
    if (wanted === undefined) {
      found.push(`${id} is there, and nobody was told that it was opened.`);
      continue;
    }
    if (posted !== wanted.posted)
      found.push(`${id} has ${posted}; what was accepted comes to ${wanted.posted}.`);
    if (held !== wanted.held)
      found.push(`${id} has ${held} on hold; what is pending comes to ${wanted.held}.`);
    if (available !== posted - held)
      found.push(`${id} has ${available} available of ${posted}, ${held} held.`);
    if (posted - held < 0) found.push(`${id} is below zero: ${posted}, ${held} held.`);
    if (seq !== wanted.entries)
      found.push(`${id} is at seq ${seq}; ${wanted.entries} entries were accepted.`);
    if (status !== "open") found.push(`${id} is ${status}, and nobody asked for that.`);
    if (JSON.stringify(limits) !== JSON.stringify(wanted.limits))
      found.push(`${id} has the limits ${JSON.stringify(limits)}, not ${JSON.stringify(wanted.limits)}.`);
  }
  for (const id of expected.keys())
    if (!id.startsWith("@") && !seen.has(id)) found.push(`${id} was opened, and is not there.`);
  return shortened(found);
}

export type Query = Readonly<{ sql: string; say: (row: Record<string, string | number | null>) => string }>;

const COLUMNS = "id, memo, postings, status, posted, reverts, reverted_by";

const QUERIES: readonly Query[] = [
  {
    sql: "SELECT id, count(*) AS times FROM found_transfer GROUP BY id HAVING times > 1",
    say: ({ id, times }) => `Transfer ${id} is listed ${times} times.`,
  },
  {
    sql: `SELECT * FROM transfer WHERE id NOT IN (SELECT id FROM found_transfer)`,
    say: (row) => `Transfer ${JSON.stringify(row)} was acknowledged, and is lost.`,
  },
  {
    sql: `SELECT * FROM found_transfer WHERE id NOT IN (SELECT id FROM transfer)`,
    say: (row) => `Transfer ${JSON.stringify(row)} is in the books, and nobody was told of it.`,
  },
  {
    sql: `SELECT * FROM found_transfer WHERE id IN (SELECT id FROM transfer) AND id IN (
            SELECT id FROM (SELECT ${COLUMNS} FROM found_transfer EXCEPT SELECT ${COLUMNS} FROM transfer))`,
    say: (row) => `Transfer ${row["id"]} is not what was asked for and done to it: ${JSON.stringify(row)}.`,
  },
  {
    sql: `SELECT account, transfer, amount, sum(said) AS said, sum(found) AS found FROM (
            SELECT account, transfer, amount, 1 AS said, 0 AS found FROM leg
            UNION ALL SELECT account, transfer, amount, 0, 1 FROM found_entry)
          GROUP BY account, transfer, amount HAVING sum(said) <> sum(found)`,
    say: ({ account, transfer, amount, said, found }) =>
      `${account} has ${found} entries of ${amount} by ${transfer}; ${said} were acknowledged.`,
  },
  {
    sql: `SELECT * FROM (
            SELECT account, seq, amount, balance, transfer,
              row_number() OVER history AS place, sum(amount) OVER history AS sum
            FROM found_entry WHERE account NOT LIKE '@%' WINDOW history AS (PARTITION BY account ORDER BY seq))
          WHERE seq <> place OR balance <> sum OR balance < 0`,
    say: ({ account, seq, place, balance, sum, transfer }) =>
      `Entry ${place} of ${account} (${transfer}) has seq ${seq} and says ${balance}; its entries come to ${sum}.`,
  },
  {
    sql: `SELECT told.account, told.seq, told.posted, found_entry.balance
          FROM told LEFT JOIN found_entry ON found_entry.account = told.account AND found_entry.seq = told.seq
          WHERE told.posted <> CASE told.seq WHEN 0 THEN 0 ELSE coalesce(found_entry.balance, -1) END`,
    say: ({ account, seq, posted, balance }) =>
      `Somebody was told that ${account} has ${posted} after its entry ${seq}; its statement says ${balance}.`,
  },
];

/** Compares all transfers and all entries: expected ones against those of the server. */
export function statementFaults({ database }: Books): readonly string[] {
  database.exec("CREATE INDEX IF NOT EXISTS found_transfer_id ON found_transfer (id)");
  database.exec("CREATE INDEX IF NOT EXISTS found_entry_seq ON found_entry (account, seq)");
  return reportOf(database, QUERIES);
}

export function reportOf(database: DatabaseSync, queries: readonly Query[]): readonly string[] {
  return queries.flatMap(({ sql, say }) => {
    const rows = database.prepare(`${sql} LIMIT ${ROWS_MAX}`).all() as Record<
      string,
      string | number | null
    >[];
    return shortened(rows.map(say));
  });
}

export function shortened(sentences: readonly string[]): readonly string[] {
  if (sentences.length <= SENTENCES_MAX) return sentences;
  return [
    ...sentences.slice(0, SENTENCES_MAX),
    `… and ${sentences.length - SENTENCES_MAX} more of this kind.`,
  ];
}
