/** Registers the routes of the wallet programme. */
import type { Routes } from "../../routes.ts";
import { addDeposits } from "./deposits.ts";
import { addHolds } from "./holds.ts";
import { addPaymentRequests } from "./payment-requests.ts";
import type { WalletDeps } from "./session.ts";
import { addSessions } from "./session-routes.ts";
import { addUsers } from "./users.ts";
import { addWallet } from "./wallet.ts";
import { addWithdrawals } from "./withdrawals.ts";

export function addWallets(routes: Routes, deps: WalletDeps): void {
  addUsers(routes, deps);
  addSessions(routes, deps);
  addWallet(routes, deps);
  addHolds(routes, deps);
  addPaymentRequests(routes, deps);
  addWithdrawals(routes, deps);
  addDeposits(routes, deps);
}
