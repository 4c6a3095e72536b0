/** `/v1/sellers/{id}/settlement` and `/report`: what a seller's credit did on one day of a time zone, and on each day. */
import { z } from "@hono/zod-openapi";
import { creditAccount, isSaleAct } from "../../../actors/programmes/topup/acts.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { csvCell, csvRow } from "../../../text/csv.ts";
import { answer, type Call, type HttpAnswer, jsonAnswer } from "../../call.ts";
import { prefersText } from "../../input/accept.ts";
import { Balance } from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { type Day, dateAfter, daysIn, isDate, TimeZone } from "../../input/time-zone.ts";
import { invalid } from "../../problem.ts";
import { addReadRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { SELLER_ACCESS } from "./seller-access.ts";
import { actOfEntry, statementOf } from "./seller-books.ts";
import type { TopupDeps } from "./sellers.ts";

/** Entries of a day that one read fetches. */
const PAGE_SIZE = 500;
const DAYS_MAX = 31;
/** A report ends after the day with which it has read this many entries. */
const ENTRIES_MAX = 50_000;

const DateText = z
  .custom<string>((value) => typeof value === "string" && isDate(value), "must be a date, as 2026-11-20")
  .openapi({ type: "string", format: "date", example: "2026-11-20" });
const Zone = TimeZone.openapi({
  description: "Days are those of this IANA time zone; one with a change of the clocks has 23 or 25 hours.",
  example: "Asia/Tehran",
});
const SettlementQuery = z.strictObject({ date: DateText, time_zone: Zone });
const ReportQuery = z.strictObject({
  from: DateText.openapi({ description: "The first day." }),
  to: DateText.openapi({
    example: "2026-11-27",
    description: `The day after the last one; at most ${DAYS_MAX} days after \`from\`.`,
  }),
  time_zone: Zone,
});

const dayFields = {
  date: z.iso.date(),
  opening: Balance,
  credited: z.int().openapi({ description: "Approved credit, net of decreases and reverts." }),
  sold: z.int().openapi({ description: "Completed sales; pending and unknown ones are not." }),
  reverted: z.int().openapi({ description: "Sales reverted on this day, whenever they were made." }),
  closing: Balance,
  sales: z.int().openapi({ description: "Number of completed sales." }),
};
const DAY = {
  date: "2026-11-20",
  opening: 0,
  credited: 1_000_000,
  sold: 300_000,
  reverted: 0,
  closing: 700_000,
  sales: 60,
};
const RULE = "opening + credited - sold + reverted = closing";
const DaySchema = z.object(dayFields).openapi("SellerDay", { description: RULE, example: DAY });
const SettlementSchema = z
  .object({ seller: z.string(), time_zone: z.string(), ...dayFields })
  .openapi("Settlement", {
    description: RULE,
    example: { seller: "kiosk", time_zone: "Asia/Tehran", ...DAY },
  });
const ReportSchema = z
  .object({ data: z.array(DaySchema), next_from: z.iso.date().nullable() })
  .openapi("SellerReport", { example: { data: [DAY], next_from: null } });

type DaySums = {
  date: string;
  opening: number;
  credited: number;
  sold: number;
  reverted: number;
  closing: number;
  sales: number;
};

export function addSellerDays(routes: Routes, deps: TopupDeps): void {
  addSettlement(routes, deps);
  addReport(routes, deps);
}

function addTo(sums: DaySums, entry: Entry): void {
  const act = actOfEntry(entry);
  if (isSaleAct(act)) {
    sums.sold -= entry.amount;
    sums.sales += 1;
  } else if (act.act === "take_back" && act.phone !== undefined) sums.reverted += entry.amount;
  else sums.credited += entry.amount;
}

/** @returns the sums, and the number of entries. @throws Problem 404 */
async function sumsOf(
  ledger: Ledger,
  call: Call,
  seller: string,
  { date, fromMs, toMs }: Day,
): Promise<readonly [sums: DaySums, entries: number]> {
  const range = { fromMs, toMs, limit: PAGE_SIZE };
  const first = await statementOf(ledger, call, seller, range);
  const { openingBalance: opening, closingBalance: closing } = first;
  const sums: DaySums = { date, opening, credited: 0, sold: 0, reverted: 0, closing, sales: 0 };
  let entries = 0;
  for (let page = first; ; ) {
    for (const entry of page.data) addTo(sums, entry);
    entries += page.data.length;
    if (page.nextCursor === null) return [sums, entries];
    page = await statementOf(ledger, call, seller, { ...range, cursor: page.nextCursor });
  }
}

function addSettlement(routes: Routes, { ledger }: TopupDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/sellers/{id}/settlement",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Get a seller's settlement of one day",
      description: "`date` must not be in the future. All amounts are in minor units.",
      params: IdParams,
      query: SettlementQuery,
      answer: answerOf(200, "The sums of the day.", SettlementSchema),
      problems: ["seller_not_found"],
    },
    async (request, call, { date, time_zone }) => {
      const seller = idOf(request);
      const [day] = daysIn(time_zone, date, dateAfter(date));
      if (day === undefined || day.fromMs > (await ledger.timeMs(call.partner, creditAccount(seller))))
        throw invalid("date", "must not be in the future");
      const [sums] = await sumsOf(ledger, call, seller, day);
      return { seller, time_zone, ...sums };
    },
    JSON.stringify,
  );
}

function addReport(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/sellers/{id}/report",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Get a seller's settlements of several days",
      description:
        `One row per day that has begun, oldest first, at most ${DAYS_MAX}. A report of many entries ends early: \`next_from\` ` +
        "(of CSV: the `Link` header) says where to go on. `Accept: text/csv` gets CSV.",
      params: IdParams,
      query: ReportQuery,
      answer: {
        status: 200,
        description: "The rows.",
        content: { "application/json": ReportSchema, "text/csv": z.string() },
      },
      problems: ["seller_not_found"],
    },
    async (request, call, query) => {
      const seller = idOf(request);
      const days = daysOf(query);
      const nowMs = await ledger.timeMs(call.partner, creditAccount(seller));
      const rows: DaySums[] = [];
      let read = 0;
      for (const day of days) {
        if (day.fromMs > nowMs) break;
        if (read > ENTRIES_MAX) return reportAnswer(request, call, rows, day.date);
        const [sums, entries] = await sumsOf(ledger, call, seller, day);
        rows.push(sums);
        read += entries;
      }
      // Also of a seller without such days, so that an unknown one is not found.
      if (rows.length === 0) await statementOf(ledger, call, seller, { limit: 1 });
      return reportAnswer(request, call, rows, null);
    },
  );
}

/** @throws Problem 400 */
function daysOf({ from, to, time_zone }: z.infer<typeof ReportQuery>): readonly Day[] {
  if (from > to) throw invalid("to", "must not be before from");
  const days: Day[] = [];
  for (const day of daysIn(time_zone, from, to)) {
    if (days.length === DAYS_MAX) throw invalid("to", `must be at most ${DAYS_MAX} days after from`);
    days.push(day);
  }
  return days;
}

function reportAnswer(
  request: HttpRequest,
  call: Call,
  rows: readonly DaySums[],
  nextFrom: string | null,
): HttpAnswer {
  const vary = { Vary: "Accept" };
  if (!prefersText(request.header("accept"), "text/csv"))
    return jsonAnswer(call, 200, JSON.stringify({ data: rows, next_from: nextFrom }), vary);
  const columns = Object.keys(dayFields) as (keyof DaySums)[];
  const lines = rows.map((row) => csvRow(columns.map((name) => csvCell(`${row[name]}`))));
  const headers: Record<string, string> = {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    ...vary,
  };
  if (nextFrom !== null) headers["Link"] = nextLink(request.incoming.url ?? "", nextFrom);
  return answer(call, 200, csvRow(columns) + lines.join(""), headers);
}

/** The `Link` to the rest of the report, relative to the requested URL. */
function nextLink(target: string, from: string): string {
  const url = new URL(target, "http://localhost");
  url.searchParams.set("from", from);
  return `<${url.pathname}${url.search}>; rel="next"`;
}
