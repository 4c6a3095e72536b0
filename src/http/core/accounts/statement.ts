/** Renders an account's entries: a page as JSON, with opening and closing balance if a time range was given; or CSV. */
import { z } from "@hono/zod-openapi";
import type { Entry, Range, Statement } from "../../../archive/queries/query.ts";
import { csvCell, csvRow, csvText } from "../../../text/csv.ts";
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { Balance } from "../../input/fields.ts";
import { pageAnswer, rowsWithin } from "../../input/pagination.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription } from "../../routes.ts";

type MediaRange = Readonly<{ type: string; quality: number }>;
/** `rank`: 3 for the exact type, 2 for `text/*`, 1 for any type, 0 for none. `index`: index in the header. */
type Match = Readonly<{ quality: number; rank: number; index: number }>;

/** Whether the client prefers CSV to JSON. With equal quality the more specific range wins, then the first one. */
export function prefersCsv(accept: string | undefined): boolean {
  if (accept === undefined || !/text\//i.test(accept)) return false;
  const ranges = accept.split(",").map(mediaRange);
  const csv = matchOf(ranges, "text/csv");
  const json = matchOf(ranges, "application/json");
  if (csv.quality !== json.quality) return csv.quality > json.quality;
  if (csv.quality === 0) return false;
  return csv.rank === json.rank ? csv.index < json.index : csv.rank > json.rank;
}

function mediaRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const quality = given === undefined ? 1 : Number(given.slice(given.indexOf("=") + 1));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 1 };
}

/** The most specific range that matches decides. */
function matchOf(ranges: readonly MediaRange[], type: string): Match {
  const exactFirst = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  for (const [i, mediaType] of exactFirst.entries()) {
    const index = ranges.findIndex((range) => range.type === mediaType);
    const found = ranges[index];
    if (found !== undefined) return { quality: found.quality, rank: exactFirst.length - i, index };
  }
  return { quality: 0, rank: 0, index: ranges.length };
}

/** How entries are rendered as JSON and as CSV. */
export type EntryFormat = Readonly<{
  json: (entry: Entry) => string;
  /** Column names. */
  columns: readonly string[];
  cells: (entry: Entry) => readonly string[];
}>;

/** All answers of a route with a CSV form depend on `Accept`, so caches must keep them apart. */
const VARY = { Vary: "Accept" } as const;

export function statementSchema(entry: z.ZodType): z.ZodObject {
  return z.object({
    data: z.array(entry),
    next_cursor: z.string().nullable(),
    opening_balance: Balance.optional().openapi({
      description: "Balance before `from`. Only with `from` or `to`.",
    }),
    closing_balance: Balance.optional().openapi({
      description: "Balance just before `to`. Only with `from` or `to`.",
    }),
  });
}

/** The OpenAPI answer of a list of entries. */
export function entriesPageOf(page: z.ZodType): RouteDescription["answer"] {
  const content = { "application/json": page, "text/csv": z.string() };
  return { status: 200, description: "A page. For CSV, the `Link` header has the next one.", content };
}

/**
 * The format of entries whose JSON and CSV have the same fields.
 *
 * @param columns the fields in order. "text": written by users, so cells are escaped against formulas; "ours": not.
 */
export function formatOf(
  view: (entry: Entry) => Readonly<Record<string, string | number | object | null>>,
  columns: Readonly<Record<string, "ours" | "text">>,
): EntryFormat {
  const fields = Object.entries(columns);
  return {
    json: (entry) => JSON.stringify(view(entry)),
    columns: fields.map(([name]) => name),
    cells: (entry) => {
      const shown = view(entry);
      return fields.map(([name, kind]) => {
        const value = shown[name] ?? "";
        const text = typeof value === "object" ? JSON.stringify(value) : `${value}`;
        return kind === "text" ? csvText(text) : csvCell(text);
      });
    },
  };
}

/** @param hasBalances false if the route shows no balances. */
export function statementAnswer(
  request: HttpRequest,
  call: Call,
  statement: Statement,
  { fromMs, toMs }: Range,
  format: EntryFormat,
  hasBalances = true,
): HttpAnswer {
  if (prefersCsv(request.header("accept"))) return csvAnswer(request, call, statement, format);
  const { openingBalance: opening, closingBalance: closing } = statement;
  const isShown = hasBalances && (fromMs !== undefined || toMs !== undefined);
  const balances = isShown ? `,"opening_balance":${opening},"closing_balance":${closing}` : "";
  return pageAnswer(call, statement, format.json, { more: balances, headers: VARY });
}

function csvAnswer(request: HttpRequest, call: Call, statement: Statement, format: EntryFormat): HttpAnswer {
  const { rows, nextCursor } = rowsWithin(call, statement, (entry) => csvRow(format.cells(entry)));
  const headers: Record<string, string> = {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    ...VARY,
  };
  if (nextCursor !== null) headers["Link"] = nextLink(request.incoming.url ?? "", nextCursor);
  return answer(call, 200, csvRow(format.columns) + rows.join(""), headers);
}

/** The `Link` to the next page, relative to the requested URL. */
function nextLink(target: string, cursor: string): string {
  const url = new URL(target, "http://localhost");
  url.searchParams.set("cursor", cursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}
