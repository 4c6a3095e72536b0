/** Routes for statistics: how a programme's totals changed over time, as JSON or CSV. */
import { z } from "@hono/zod-openapi";
import { PLATFORM_TENANT } from "../../../actors/programmes/wallet/acts.ts";
import { SERIES, type SeriesGroup } from "../../../actors/statistics/series.ts";
import type { SeriesReader, Values } from "../../../statistics/store.ts";
import { csvCell, csvRow } from "../../../text/csv.ts";
import { answer, type Call, type HttpAnswer, jsonAnswer } from "../../call.ts";
import type { Clock } from "../../clock.ts";
import { prefersText } from "../../input/accept.ts";
import { knownTimeMsOf, timeTextOf } from "../../input/fields.ts";
import { rangeQuery } from "../../input/time-range.ts";
import { TimeZone } from "../../input/time-zone.ts";
import { invalid } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { MOMENTS_MAX, STEPS, stepMoments, stepsBefore } from "./step-moments.ts";

export type StatisticsDeps = Readonly<{ statistics: Pick<SeriesReader, "read">; clock: Clock }>;

const STEPS_DEFAULT = 60;

export const StatisticsQuery = z.strictObject({
  from: rangeQuery.from.openapi({
    description: `Inclusive; ${STEPS_DEFAULT} steps before \`to\` if absent.`,
  }),
  to: rangeQuery.to.openapi({ description: "Exclusive; now if absent." }),
  step: z.enum(STEPS).default("1h"),
  time_zone: TimeZone.openapi({
    description: "Hours and days begin in this IANA time zone.",
    example: "Europe/Berlin",
  }),
});
type Query = z.infer<typeof StatisticsQuery>;

type SeriesRoute = Readonly<{
  path: string;
  group: string;
  access: RouteDescription["access"];
  series: SeriesGroup;
  summary: string;
}>;

const ROUTES: readonly SeriesRoute[] = [
  {
    path: "/v1/loyalty/statistics",
    group: "loyalty",
    access: "partner",
    series: "loyalty",
    summary: "Get the outstanding points over time",
  },
  {
    path: "/v1/statistics/loyalty",
    group: "statistics",
    access: "partner",
    series: "loyalty",
    summary: "Get the outstanding points over time",
  },
  {
    path: "/v1/statistics/vouchers",
    group: "statistics",
    access: "partner",
    series: "vouchers",
    summary: "Get the number of vouchers over time, by status",
  },
  {
    path: "/v1/statistics/topup",
    group: "statistics",
    access: "partner",
    series: "topup",
    summary: "Get the top-up sales of each step, and the sales that were reverted in it",
  },
  {
    path: "/v1/statistics/wallets",
    group: "statistics",
    access: "operator",
    series: "wallets",
    summary: "Get the deposits, payments and confirmed withdrawals of all wallets in each step",
  },
];

const DESCRIPTIONS = {
  level: "`at` is the moment of the row: all records with log time up to it count.",
  flow: "`at` is the beginning of the step. The row of a step that is not over counts up to `complete_until`.",
} as const;

export function addStatistics(routes: Routes, deps: StatisticsDeps): void {
  for (const { series, ...route } of ROUTES) {
    const { kind, names } = SERIES[series];
    routes.add(
      {
        ...route,
        method: "get",
        description:
          `One row per step, at most ${MOMENTS_MAX}. ${DESCRIPTIONS[kind]} The statistics service writes the values once a ` +
          "minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.",
        query: StatisticsQuery,
        answer: {
          status: 200,
          description: "The rows, oldest first. Moments after `complete_until` are left out.",
          content: { "application/json": pageOf(names), "text/csv": z.string() },
        },
        problems: ["statistics_unavailable"],
      },
      async (request, call, query) =>
        statisticsAnswer(request, call, series, await seriesRows(deps, call, series, query)),
    );
  }
}

function pageOf(names: readonly string[]): z.ZodType {
  const values = Object.fromEntries(names.map((name) => [name, z.int()]));
  return z.object({
    data: z.array(z.object({ at: z.iso.datetime(), ...values })),
    complete_until: z.iso.datetime().nullable(),
  });
}

type Found = Readonly<{ rows: readonly Values[]; closedAt: number }>;

/** @throws Problem 400, OperatingError `statistics_unavailable` */
export async function seriesRows(
  { statistics, clock }: StatisticsDeps,
  call: Call,
  group: SeriesGroup,
  query: Query,
): Promise<Found> {
  const toMs = query.to === undefined ? clock.nowMs() : knownTimeMsOf(query.to);
  const fromMs =
    query.from === undefined ? stepsBefore(query.step, STEPS_DEFAULT, toMs) : knownTimeMsOf(query.from);
  if (fromMs > toMs) throw invalid("to", "must not be before from");
  const moments = stepMoments(query.step, query.time_zone, fromMs, toMs);
  if (moments === undefined)
    throw invalid("step", `gives more than ${MOMENTS_MAX} rows; take a longer step or a shorter range`);
  const { kind, names } = SERIES[group];
  const partner = call.partner === "" ? PLATFORM_TENANT : call.partner;
  const series = names.map((name) => `${group}.${name}`);
  if (kind === "level") {
    const { values, closedAt } = await statistics.read(partner, series, moments.slice(0, -1));
    return { rows: values, closedAt };
  }
  const { values, closedAt } = await statistics.read(partner, series, moments);
  // The last step may not be over.
  const isComplete = values.length === moments.length || values.length === 0;
  const rest = isComplete ? [] : (await statistics.read(partner, series, [closedAt])).values;
  return { rows: differences([...values, ...rest]), closedAt };
}

/** What happened from each moment to the next one. */
function differences(values: readonly Values[]): readonly Values[] {
  return values.slice(0, -1).map(({ at, values: before }, i) => {
    const after = values[i + 1]?.values ?? [];
    return { at, values: before.map((value, place) => (after[place] ?? value) - value) };
  });
}

function statisticsAnswer(
  request: HttpRequest,
  call: Call,
  group: SeriesGroup,
  { rows, closedAt }: Found,
): HttpAnswer {
  const { names } = SERIES[group];
  if (prefersText(request.header("accept"), "text/csv")) {
    const lines = rows.map(({ at, values }) => csvRow([timeTextOf(at), ...values.map(csvCell)]));
    const headers = { "Content-Type": "text/csv; charset=utf-8; header=present", Vary: "Accept" };
    return answer(call, 200, csvRow(["at", ...names]) + lines.join(""), headers);
  }
  // Sums beyond 2^53 are written with all their digits.
  const data = rows.map(
    ({ at, values }) =>
      `{"at":"${timeTextOf(at)}",${names.map((name, i) => `"${name}":${values[i]}`).join(",")}}`,
  );
  const until = closedAt === 0 ? null : timeTextOf(closedAt);
  const body = `{"data":[${data.join(",")}],"complete_until":${JSON.stringify(until)}}`;
  return jsonAnswer(call, 200, body, { Vary: "Accept" });
}
