/** The pages of wallet users, and what they need. A session of `/v1/wallet` opens them. */
import type { SessionView } from "../../../actors/programmes/wallet/acts.ts";
import type { Call } from "../../call.ts";
import { Problem } from "../../problem.ts";
import type { Recipients } from "../../programmes/wallet/recipients.ts";
import { withSession } from "../../programmes/wallet/session.ts";
import type { PasswordDeps } from "../../programmes/wallet/users.ts";
import type { HttpRequest } from "../../request.ts";
import type { Area } from "../base/layout.ts";
import type { PageRoutes, Visit } from "../base/page-routes.ts";

export type WalletPageDeps = PasswordDeps & Readonly<{ recipients: Recipients }>;

type ByWallet = Readonly<{ session: SessionView }>;
export type WalletPages = PageRoutes<ByWallet>;
export type WalletVisit<Q = unknown> = Visit<Q, ByWallet>;

export const WALLET_AREA: Area = {
  name: "Wallet",
  home: "/wallet",
  login: "/login",
  logout: "/logout",
  nav: [
    { path: "/wallet", label: "Balance" },
    { path: "/wallet/send", label: "Send" },
    { path: "/wallet/requests", label: "Requests" },
    { path: "/wallet/withdrawals", label: "Withdraw" },
    { path: "/wallet/holds", label: "Holds" },
    { path: "/wallet/statement", label: "Statement" },
    { path: "/wallet/password", label: "Password" },
  ],
};

/** Who is logged in; `undefined`: nobody. Records the use of the session. @throws Problem 403 */
export async function enterWallet(request: HttpRequest, call: Call, deps: WalletPageDeps) {
  try {
    const find = withSession(deps, (_, __, session: SessionView) => session);
    const session = await find(request, call, undefined);
    return { session, who: session.name };
  } catch (failure) {
    if (failure instanceof Problem && failure.code === "unauthenticated") return undefined;
    throw failure;
  }
}
