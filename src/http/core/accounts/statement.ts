/** Renders an account's entries: a page as JSON, with opening and closing balance if a time range was given; or CSV. */
import { z } from "@hono/zod-openapi";
import type { Entry, Range, Statement } from "../../../archive/queries/query.ts";
import { csvCell, csvRow, csvText } from "../../../text/csv.ts";
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { prefersText } from "../../input/accept.ts";
import { Balance } from "../../input/fields.ts";
import { pageAnswer, rowsWithin } from "../../input/pagination.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription } from "../../routes.ts";

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
): Promise<HttpAnswer> {
  if (prefersText(request.header("accept"), "text/csv")) return csvAnswer(request, call, statement, format);
  const { openingBalance: opening, closingBalance: closing } = statement;
  const isShown = hasBalances && (fromMs !== undefined || toMs !== undefined);
  const balances = isShown ? `,"opening_balance":${opening},"closing_balance":${closing}` : "";
  return pageAnswer(call, statement, format.json, { more: balances, headers: VARY });
}

async function csvAnswer(
  request: HttpRequest,
  call: Call,
  statement: Statement,
  format: EntryFormat,
): Promise<HttpAnswer> {
  const { rows, nextCursor } = await rowsWithin(call, statement, (entry) => csvRow(format.cells(entry)));
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
