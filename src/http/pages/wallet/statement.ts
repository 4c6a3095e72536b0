/** `/wallet/statement`: all movements, by days, and as a file. */
import { z } from "@hono/zod-openapi";
import { PLATFORM_TENANT, walletAccount } from "../../../actors/programmes/wallet/acts.ts";
import type { Range, Statement } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { csvRow } from "../../../text/csv.ts";
import { answer, callerOf } from "../../call.ts";
import { LIST_LIMIT_MAX } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { invalid } from "../../problem.ts";
import { notLoggedIn } from "../../programmes/wallet/session.ts";
import { ENTRIES } from "../../programmes/wallet/wallet.ts";
import { facts, nextPage } from "../base/blocks.ts";
import { money } from "../base/format.ts";
import { field, filters } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { WalletPageDeps, WalletPages, WalletVisit } from "./area.ts";
import { movements } from "./movements.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SHOWN = 25;
const Day = z.union([z.literal(""), z.iso.date("must be a date such as 2026-11-30")]).optional();
const dayQuery = { from: Day, to: Day };
const StatementQuery = z.strictObject({ ...dayQuery, cursor: PageQuery.shape.cursor });
const FileQuery = z.strictObject(dayQuery);
type Days = z.infer<typeof FileQuery>;

export function addStatementPages(pages: WalletPages, deps: WalletPageDeps): void {
  const { ledger } = deps;
  pages.page({ path: "/wallet/statement", query: StatementQuery }, async (visit) => {
    const { session, query } = visit;
    const { cursor, ...days } = query;
    const page = await read(ledger, visit, { ...rangeOf(days), limit: SHOWN, cursor });
    const path = `/wallet/statement${queryOf(days)}`;
    const isRange = queryOf(days) !== "";
    return {
      title: "Statement",
      aside: html`<a class="button outline small" href="/wallet/statement.csv${queryOf(days)}">Download CSV</a>`,
      body: html`${filters(
        "/wallet/statement",
        html`${field({ name: "from", label: "From", type: "date", value: days.from, isOptional: true, isBare: true })}${field({ name: "to", label: "To", type: "date", value: days.to, isOptional: true, isBare: true })}`,
      )}
${
  isRange &&
  facts([
    ["Before it", money(page.openingBalance, session.asset)],
    ["After it", money(page.closingBalance, session.asset)],
  ])
}
${movements(page.data, session.asset)}
${nextPage(path, page.nextCursor, "movements")}`,
    };
  });
  pages.file({ path: "/wallet/statement.csv", query: FileQuery }, async (visit) => {
    const range = { ...rangeOf(visit.query), limit: LIST_LIMIT_MAX, cursor: undefined };
    const first = await read(ledger, visit, range);
    return answer(visit.call, 200, csvOf(ledger, visit, range, first), {
      "Content-Type": "text/csv; charset=utf-8; header=present",
      "Content-Disposition": 'attachment; filename="statement.csv"',
    });
  });
}

async function read(ledger: Ledger, { session, call }: WalletVisit, range: Range): Promise<Statement> {
  const id = walletAccount(session.walletId);
  const statement = await ledger.entries(PLATFORM_TENANT, id, range, callerOf(call));
  if (statement === undefined) throw notLoggedIn();
  return statement;
}

async function* csvOf(
  ledger: Ledger,
  visit: WalletVisit,
  range: Range,
  first: Statement,
): AsyncGenerator<string> {
  yield csvRow(ENTRIES.columns);
  for (
    let page = first;
    ;
    page = await read(ledger, visit, { ...range, cursor: page.nextCursor ?? undefined })
  ) {
    if (page.data.length > 0) yield page.data.map((entry) => csvRow(ENTRIES.cells(entry))).join("");
    if (page.nextCursor === null) return;
  }
}

/** Both days are inclusive, in UTC. @throws Problem 400 */
function rangeOf({ from = "", to = "" }: Days): Omit<Range, "limit" | "cursor"> {
  if (from !== "" && to !== "" && from > to) throw invalid("to", "must not be before from");
  return {
    ...(from === "" ? {} : { fromMs: Date.parse(from) }),
    ...(to === "" ? {} : { toMs: Date.parse(to) + DAY_MS }),
  };
}

function queryOf({ from = "", to = "" }: Days): string {
  const query = new URLSearchParams();
  if (from !== "") query.set("from", from);
  if (to !== "") query.set("to", to);
  return query.size === 0 ? "" : `?${query.toString()}`;
}
