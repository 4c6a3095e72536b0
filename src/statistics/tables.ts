/** The tables of rows, in both stores. `docs/STATISTICS.md` describes them for readers. */
import type { Rows } from "./rows.ts";

/** `word`: a text with few different values. `time`: ms since 1970 UTC. */
export type ColumnType = "text" | "word" | "whole" | "time";

type Table<R> = Readonly<{
  columns: Readonly<Record<Exclude<keyof R, keyof typeof POSITION>, ColumnType>>;
  order: readonly (keyof R)[];
}>;

/** The position of the row's record. It ends every sort key, so that a row written again replaces itself. */
export const POSITION = {
  shard: "whole",
  epoch: "whole",
  seq: "whole",
  record: "whole",
  part: "whole",
} as const;

/** `order`: what the rows are sorted by, before their position. */
export const TABLES = {
  accounts: {
    columns: { partner: "text", account: "text", at: "time", asset: "word", status: "word" },
    order: ["partner", "account", "at"],
  },
  entries: {
    columns: {
      partner: "text",
      account: "text",
      at: "time",
      amount: "whole",
      balance: "whole",
      transfer: "text",
    },
    order: ["partner", "account", "at"],
  },
  transfers: {
    columns: {
      partner: "text",
      transfer: "text",
      at: "time",
      status: "word",
      amount: "whole",
      postings: "whole",
      debit: "text",
      credit: "text",
      act: "word",
    },
    order: ["partner", "transfer", "at"],
  },
  events: {
    columns: { partner: "text", at: "time", type: "word", subject: "text" },
    order: ["partner", "at"],
  },
} as const satisfies { readonly [T in keyof Rows]: Table<Rows[T][number]> };

export type TableName = keyof typeof TABLES;

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

export function columnsOf(table: TableName): Readonly<Record<string, ColumnType>> {
  return { ...TABLES[table].columns, ...POSITION };
}

/** The columns that identify a row, in sort order. */
export function keyOf(table: TableName): readonly string[] {
  return [...TABLES[table].order, ...Object.keys(POSITION)];
}
