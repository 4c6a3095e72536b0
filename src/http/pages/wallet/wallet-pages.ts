/** The pages of wallet users. They call the functions that `/v1/wallet` calls, and have no rules of their own. */
import type { Routes } from "../../routes.ts";
import { createRoutesOf } from "../base/page-routes.ts";
import { addAccess } from "./access.ts";
import { enterWallet, WALLET_AREA, type WalletPageDeps } from "./area.ts";
import { addBalancePage } from "./balance.ts";
import { addHoldPages } from "./holds.ts";
import { addPasswordPages } from "./password.ts";
import { addRequestPages } from "./requests.ts";
import { addSendPages } from "./send.ts";
import { addStatementPages } from "./statement.ts";
import { addWithdrawalPages } from "./withdrawals.ts";

export function addWalletPages(routes: Routes, deps: WalletPageDeps): void {
  addAccess(routes, deps);
  const pages = createRoutesOf(routes, WALLET_AREA, (request, call) => enterWallet(request, call, deps));
  addBalancePage(pages, deps);
  addSendPages(pages, deps);
  addRequestPages(pages, deps);
  addWithdrawalPages(pages, deps);
  addHoldPages(pages, deps);
  addStatementPages(pages, deps);
  addPasswordPages(pages, deps);
}
