/** `/app`: what a partner wants to know first. */
import { askSummary } from "../../../actors/programmes/loyalty/acts.ts";
import { askRequests } from "../../../actors/programmes/topup/acts.ts";
import { totalsOf } from "../../programmes/loyalty/programme.ts";
import { section } from "../base/blocks.ts";
import { count } from "../base/format.ts";
import { html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { AppDeps } from "./area.ts";
import { requestTable } from "./request-table.ts";

const REQUESTS_SHOWN = 5;

export function addOverview(pages: PageRoutes, deps: AppDeps): void {
  const { ledger, random } = deps;
  pages.page({ path: "/app" }, async ({ call }) => {
    const { partner } = call;
    const waiting = askRequests({ seller: null, status: "pending" });
    const [parts, requests] = await Promise.all([
      ledger.askAll(partner, askSummary()),
      ledger.list(partner, waiting, { limit: REQUESTS_SHOWN }),
    ]);
    const { outstanding, members, pending } = totalsOf(parts);
    return {
      title: "Overview",
      body: html`<dl class="figures">
<div class="main-figure"><dt>Outstanding points</dt><dd><strong>${count(outstanding)}</strong><span>of all members</span></dd></div>
<div><dt>Members</dt><dd><strong>${count(members)}</strong><span><a href="/app/members">All members</a></span></dd></div>
<div><dt>Points to come</dt><dd><strong>${count(pending)}</strong><span>that have not begun</span></dd></div>
</dl>
${section("Credit requests that wait", requestTable(requests.data, random), html`<a href="/app/sellers">All sellers</a>`)}`,
    };
  });
}
