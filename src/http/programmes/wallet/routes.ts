/** The wallet programme in the API. */
import type { EventStreams } from "../../events/event-streams.ts";
import type { HttpProgramme } from "../../programme.ts";
import { BANK, checkBankName } from "./bank.ts";
import { addDeposits } from "./deposits.ts";
import { addWalletEvents } from "./events.ts";
import { addHolds } from "./holds.ts";
import { addPaymentRequests } from "./payment-requests.ts";
import { isLoggedIn, type WalletDeps } from "./session.ts";
import { addSessions } from "./session-routes.ts";
import { addUsers } from "./users.ts";
import { addWallet } from "./wallet.ts";
import { addWithdrawals } from "./withdrawals.ts";

export const WALLET: HttpProgramme<WalletDeps & Readonly<{ streams: EventStreams }>> = {
  roles: [{ name: BANK, checkName: checkBankName }],
  users: { kind: "wallet user", isLoggedIn },
  addRoutes(routes, deps) {
    addUsers(routes, deps);
    addSessions(routes, deps);
    addWallet(routes, deps);
    addWalletEvents(routes, deps);
    addHolds(routes, deps);
    addPaymentRequests(routes, deps);
    addWithdrawals(routes, deps);
    addDeposits(routes, deps);
  },
};
