/** The wallet programme in the API. */
import type { FeedDeps } from "../../events/event-stream.ts";
import { addWalletPages } from "../../pages/wallet/wallet-pages.ts";
import type { HttpProgramme } from "../../programme.ts";
import { BANK, checkBankName } from "./bank.ts";
import { addDeposits } from "./deposits.ts";
import { addWalletEvents } from "./events.ts";
import { addHolds } from "./holds.ts";
import { addPasswordReset } from "./password-reset.ts";
import { Passwords } from "./passwords.ts";
import { addPaymentRequests } from "./payment-requests.ts";
import { Recipients } from "./recipients.ts";
import { isLoggedIn, type WalletDeps } from "./session.ts";
import { addSessions } from "./session-routes.ts";
import { addSupport } from "./support.ts";
import { addTakeBacks } from "./take-back.ts";
import { addUsers, LoginLimits } from "./users.ts";
import { addWallet } from "./wallet.ts";
import { addWithdrawals } from "./withdrawals.ts";

export const WALLET: HttpProgramme<WalletDeps & FeedDeps> = {
  roles: [{ name: BANK, checkName: checkBankName }],
  users: { kind: "wallet user", isLoggedIn },
  addRoutes(routes, deps) {
    const passwords = new Passwords(deps.random);
    const recipients = new Recipients(deps);
    const passwordDeps = { ...deps, passwords, limits: new LoginLimits(deps.counters) };
    addUsers(routes, passwordDeps);
    addPasswordReset(routes, passwordDeps);
    addSessions(routes, deps);
    addWallet(routes, deps, recipients);
    addWalletEvents(routes, deps);
    addHolds(routes, deps, recipients);
    addPaymentRequests(routes, deps, recipients);
    addWithdrawals(routes, deps);
    addDeposits(routes, deps);
    addTakeBacks(routes, deps);
    addSupport(routes, deps);
    addWalletPages(routes, { ...passwordDeps, recipients });
  },
};
