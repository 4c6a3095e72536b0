/** The pages of a partner. They call the functions that the API calls, and have no rules of their own. */
import type { Routes } from "../../routes.ts";
import { createPageRoutes } from "../base/page-routes.ts";
import { APP, type AppDeps } from "./area.ts";
import { addCustomerPages } from "./customers.ts";
import { addMemberPages } from "./members.ts";
import { addOfferPages } from "./offers.ts";
import { addOverview } from "./overview.ts";
import { addSegmentPages } from "./segments.ts";
import { addSellerPages } from "./sellers.ts";
import { addStatisticsPages } from "./statistics.ts";
import { addVoucherBatchPages } from "./voucher-batches.ts";
import { addVoucherPages } from "./vouchers.ts";
import { addWebhookPages } from "./webhooks.ts";

export function addAppPages(routes: Routes, deps: AppDeps): void {
  const pages = createPageRoutes(routes, APP, "partner", deps);
  addOverview(pages, deps);
  addMemberPages(pages, deps);
  addCustomerPages(pages, deps);
  addVoucherPages(pages, deps);
  addVoucherBatchPages(pages, deps);
  addOfferPages(pages, deps);
  addSegmentPages(pages, deps);
  addSellerPages(pages, deps);
  addWebhookPages(pages, deps);
  addStatisticsPages(pages, deps);
}
