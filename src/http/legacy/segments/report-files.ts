/** Report files, which are not stored: the name contains the user and the month, and the rows are read when it is fetched. */
import type { Ledger } from "../../../gateway/ports.ts";
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { invalid } from "../../problem.ts";
import { type ReportPeriod, reportText } from "../../programmes/segments/reports.ts";
import type { HttpRequest } from "../../request.ts";
import type { LocalApi } from "../local-api.ts";

type NamedReport = Readonly<{ user: string; year: number; month: number }>;

/** Two digits. */
const MONTH_LENGTH = 2;
const NAME = /^(\d{1,16})-\d{1,12}-(\d{4})(0[1-9]|1[0-2])\.csv$/;

/** `<user>-<unix seconds>-<year><month>.csv`. The old names ended before the year. */
export function reportName({ user, year, month }: NamedReport, nowMs: number): string {
  return `${user}-${Math.floor(nowMs / 1000)}-${year}${String(month).padStart(MONTH_LENGTH, "0")}.csv`;
}

/** @throws Problem (as a rejection) 400: there is no such file, as in the old system */
export async function downloadReport(
  request: HttpRequest,
  call: Call,
  { api, ledger }: Readonly<{ api: LocalApi; ledger: Ledger }>,
): Promise<HttpAnswer> {
  const file = request.param("file");
  const [, user, year, month] = NAME.exec(file) ?? [];
  if (user === undefined) throw invalid("", "file not found");
  const { partner } = api.principal();
  const period: ReportPeriod = { partner, user, year: Number(year), month: Number(month), separator: "," };
  const headers = { "Content-Type": "text/csv", "Content-Disposition": `attachment;filename=${file}` };
  return answer(call, 200, await reportText(ledger, period), headers);
}
