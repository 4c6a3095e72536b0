/** `/app/statistics`: how totals changed over time, as a chart and as a file. */
import { z } from "@hono/zod-openapi";
import { SERIES } from "../../../actors/statistics/series.ts";
import { OperatingError } from "../../../errors/operating-error.ts";
import { csvCell, csvRow } from "../../../text/csv.ts";
import { answer, type Call } from "../../call.ts";
import { seriesRows } from "../../core/statistics/statistics.ts";
import { timeTextOf } from "../../input/fields.ts";
import { emptyNote, note } from "../base/blocks.ts";
import { time } from "../base/format.ts";
import { field, filters } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { AppDeps } from "./area.ts";

const GROUPS = ["loyalty", "vouchers", "topup"] as const;
const TITLES = { loyalty: "Outstanding points", vouchers: "Vouchers", topup: "Top-up sales" } as const;
const STEPS = ["1h", "1d"] as const;
const STEP_TITLES = { "1h": "Hours", "1d": "Days" } as const;
const Query = z.strictObject({
  series: z.enum(GROUPS).default("loyalty"),
  step: z.enum(STEPS).default("1d"),
});
type Query = z.infer<typeof Query>;

export function addStatisticsPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: "/app/statistics", query: Query }, async ({ call, query }) => {
    const { series, step } = query;
    return {
      title: TITLES[series],
      assets: ["uplot.css", "uplot.js", "chart.js"],
      aside: html`<a class="button outline small" href="/app/statistics.csv?series=${series}&step=${step}">Download CSV</a>`,
      body: html`${filters(
        "/app/statistics",
        html`${field({ name: "series", label: "Show", value: series, choices: GROUPS.map((value) => ({ value, label: TITLES[value] })) })}${field({ name: "step", label: "By", value: step, choices: STEPS.map((value) => ({ value, label: STEP_TITLES[value] })) })}`,
      )}
${await chartOf(call, deps, query)}`,
    };
  });
  pages.file({ path: "/app/statistics.csv", query: Query }, async ({ call, query }) => {
    const { rows } = await read(call, deps, query);
    const lines = rows.map(({ at, values }) => csvRow([timeTextOf(at), ...values.map(csvCell)]));
    return answer(call, 200, csvRow(["at", ...SERIES[query.series].names]) + lines.join(""), {
      "Content-Type": "text/csv; charset=utf-8; header=present",
      "Content-Disposition": `attachment; filename="${query.series}.csv"`,
    });
  });
}

function read(call: Call, deps: AppDeps, { series, step }: Query) {
  return seriesRows(deps, call, series, { step, time_zone: "UTC" });
}

async function chartOf(call: Call, deps: AppDeps, query: Query): Promise<Html> {
  try {
    const { rows, closedAt } = await read(call, deps, query);
    if (rows.length === 0) return emptyNote("The statistics service has not completed a minute yet.");
    const { names } = SERIES[query.series];
    // A chart needs no more digits than a double has.
    const columns = names.map((_, i) => rows.map(({ values }) => Number(values[i] ?? 0n)));
    const points = JSON.stringify([rows.map(({ at }) => at / 1000), ...columns]);
    return html`<figure class="chart"><div id="series-chart" role="img" aria-label="${TITLES[query.series]} over time" data-names="${JSON.stringify(names)}" data-points="${points}"></div>
<figcaption class="muted">Complete until ${time(closedAt)}. Steps begin in UTC.</figcaption></figure>`;
  } catch (failure) {
    if (!(failure instanceof OperatingError) || failure.code !== "statistics_unavailable") throw failure;
    return note("warn", "There are no statistics: the operator has not started the statistics service.");
  }
}
