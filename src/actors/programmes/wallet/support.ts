/**
 * What the platform tenant does for a wallet's user: freeze, limits, closing, and tokens that reset a password. Whether a
 * wallet is frozen or closed is the status of its account.
 */
import { reject } from "../../records/command.ts";
import type { AccountChange, Changes, Decision, Decisions } from "../programme.ts";
import { type SupportActs, type SupportedUser, type WalletAct, walletAccount } from "./acts.ts";
import type { Users } from "./users.ts";
import type { WalletOrders } from "./wallet-orders.ts";

/** Validity of a token that resets a password. */
const RESET_MS = 60 * 60 * 1000;

export class Support {
  readonly #users: Users;
  readonly #orders: WalletOrders;

  constructor(users: Users, orders: WalletOrders) {
    this.#users = users;
    this.#orders = orders;
  }

  readonly decisions: Decisions<SupportActs> = {
    freeze_wallet: (act) => this.#decideChange(act, { status: "frozen" }),
    unfreeze_wallet: (act) => this.#decideChange(act, { status: "open" }),
    limit_wallet: (act) => this.#decideChange(act, { limits: act.limits }),
    close_wallet: ({ wallet, openElsewhere }) => {
      const user = this.#users.user(wallet);
      if (user === undefined) return reject("wallet_user_not_found", wallet);
      if (openElsewhere > 0) return reject("account_not_empty", walletAccount(wallet));
      const ended = this.#orders
        .pendingOf(wallet)
        .map((request) => ({ ...request, status: "declined" as const }));
      return { ok: true, effect: { ...user, ended }, closes: walletAccount(wallet) };
    },
    issue_reset: ({ wallet }, { nowMs }) => {
      const user = this.#users.user(wallet);
      if (user === undefined) return reject("wallet_user_not_found", wallet);
      if (!this.#users.has(wallet)) return reject("account_closed", walletAccount(wallet));
      return { ok: true, effect: { ...user, expiresAtMs: nowMs + RESET_MS } };
    },
    reset_password: ({ token }, { nowMs }) => this.#users.decideReset(token, nowMs),
  };

  readonly changes: Changes<SupportActs> = {
    freeze_wallet: () => {},
    unfreeze_wallet: () => {},
    limit_wallet: () => {},
    close_wallet: ({ wallet }, { ended }) => {
      for (const { id } of ended) this.#orders.decline(id);
      this.#users.close(wallet);
    },
    issue_reset: ({ wallet, token }, { expiresAtMs }) =>
      this.#users.issueReset(wallet, { token, expiresAtMs }),
    reset_password: ({ token, password }) => this.#users.resetPassword(token, password),
  };

  #decideChange(
    { wallet }: WalletAct<"freeze_wallet" | "unfreeze_wallet" | "limit_wallet">,
    change: Omit<AccountChange, "id">,
  ): Decision<SupportedUser, never> {
    const user = this.#users.user(wallet);
    if (user === undefined) return reject("wallet_user_not_found", wallet);
    return { ok: true, effect: user, changes: { id: walletAccount(wallet), ...change } };
  }
}
