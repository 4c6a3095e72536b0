/** The partner's area, and what its pages need. */
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Page as Rows } from "../../../archive/queries/query.ts";
import type { Ledger, Operations } from "../../../gateway/ports.ts";
import type { SeriesReader } from "../../../statistics/store.ts";
import { type Call, callerOf } from "../../call.ts";
import type { TopupDeps } from "../../programmes/topup/sellers.ts";
import type { VoucherDeps } from "../../programmes/vouchers/fields.ts";
import type { WebhooksDeps } from "../../programmes/webhooks/webhooks.ts";
import type { Area } from "../base/layout.ts";
import type { PageDeps } from "../base/page-routes.ts";

export type AppDeps = PageDeps &
  TopupDeps &
  VoucherDeps &
  WebhooksDeps &
  Readonly<{ operations: Operations; statistics: Pick<SeriesReader, "read"> }>;

/** Rows of a list on one page. */
export const ROWS_SHOWN = 25;

/** One page of a list of the partner. */
export function rowsOf<R extends JsonValue>(
  ledger: Pick<Ledger, "list">,
  call: Call,
  question: Parameters<typeof ledger.list<R>>[1],
  cursor: string | undefined,
): Promise<Rows<R>> {
  return ledger.list(call.partner, question, { limit: ROWS_SHOWN, cursor }, callerOf(call));
}

export const APP: Area = {
  name: "Business",
  home: "/app",
  login: "/app/login",
  logout: "/app/logout",
  nav: [
    { path: "/app", label: "Overview" },
    { path: "/app/members", label: "Members" },
    { path: "/app/customers", label: "Customers" },
    { path: "/app/vouchers", label: "Vouchers" },
    { path: "/app/offers", label: "Offers" },
    { path: "/app/segments", label: "Segments" },
    { path: "/app/sellers", label: "Sellers" },
    { path: "/app/webhooks", label: "Webhooks" },
    { path: "/app/statistics", label: "Statistics" },
  ],
};
