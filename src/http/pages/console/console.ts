/** The operator's console. It calls the functions that the HTTP API calls, and has no rules of its own. */
import type { Routes } from "../../routes.ts";
import { createPageRoutes } from "../base/page-routes.ts";
import { addAccountPages } from "./accounts.ts";
import { CONSOLE, type ConsoleDeps } from "./area.ts";
import { addBalancePage } from "./balance.ts";
import { addLogPages } from "./log.ts";
import { addOverview } from "./overview.ts";
import { addPartnerPages } from "./partners.ts";
import { addSearchPage } from "./search.ts";
import { addShardPages } from "./shards.ts";
import { addSystemAccounts } from "./system-accounts.ts";
import { addTransferPages } from "./transfers.ts";

export function addConsole(routes: Routes, deps: ConsoleDeps): void {
  const pages = createPageRoutes(routes, CONSOLE, "operator", deps);
  addOverview(pages, deps);
  addSearchPage(pages, deps);
  addAccountPages(pages, deps);
  addSystemAccounts(pages, deps);
  addTransferPages(pages, deps);
  addPartnerPages(pages, deps);
  addShardPages(pages, deps);
  addBalancePage(pages, deps);
  addLogPages(pages, deps);
}
