/**
 * The wallet programme: users with a password and an account, deposits by banks, transfers, holds, payment requests
 * and withdrawals. Money enters and leaves through `@bank:<name>`. Pending transfers of holds and withdrawals go to
 * `@holds` and `@withdrawals`.
 */
import type { JsonValue } from "../../records/act.ts";
import {
  type Answers,
  type Changes,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import type { WalletAct, WalletActs } from "./acts.ts";
import type { WalletQuestions } from "./questions.ts";
import { Support } from "./support.ts";
import { referenceClaim, type UserItem, Users } from "./users.ts";
import { isHold, isRequest, isWithdrawal, type OrderItem, WalletOrders } from "./wallet-orders.ts";

type Item = UserItem | OrderItem;

export class Wallet extends TypedProgramme<WalletActs, WalletQuestions, never, Item> {
  readonly #users: Users;
  readonly #orders: WalletOrders;
  readonly #support: Support;
  protected readonly decisions: Decisions<WalletActs>;
  protected readonly changes: Changes<WalletActs>;

  constructor(context: ProgrammeContext) {
    super();
    this.#users = new Users(context);
    this.#orders = new WalletOrders(context, (wallet) => this.#users.has(wallet));
    this.#support = new Support(this.#users, this.#orders);
    this.decisions = { ...this.#users.decisions, ...this.#support.decisions, ...this.#orders.decisions };
    this.changes = { ...this.#users.changes, ...this.#support.changes, ...this.#orders.changes };
  }

  takeable(act: WalletAct, _: string, amount: number): number {
    return act.act === "take_back" && act.amount !== null ? Math.min(act.amount, amount) : amount;
  }

  protected readonly answers: Answers<WalletQuestions> = {
    credential: (_, [email]) => this.#users.credentialOf(email),
    session: (_, [session], nowMs) => this.#users.session(session, nowMs),
    wallet_of: (_, [email]) => this.#users.walletOf(email),
    profile: (_, [user]) => this.#users.profile(user),
    profile_of: (_, [email]) => this.#users.profileOf(email),
    reset: (_, [token], nowMs) => this.#users.canReset(token, nowMs),
    order: (_, [id], nowMs) => this.#orders.order(id, nowMs),
    holds: (_, [wallet, ...page], nowMs) => this.#orders.list("holds", wallet, page, nowMs, isHold),
    payee_holds: (_, [wallet, ...page], nowMs) =>
      this.#orders.list("payee_holds", wallet, page, nowMs, isHold),
    open_for: (_, [wallet], nowMs) => this.#orders.openFor(wallet, nowMs),
    requests: (_, [role, wallet, ...page], nowMs) => this.#orders.list(role, wallet, page, nowMs, isRequest),
    withdrawals: (_, [wallet, ...page], nowMs) =>
      this.#orders.list("withdrawals", wallet, page, nowMs, isWithdrawal),
    all_withdrawals: (_, [status, ...page], nowMs) =>
      this.#orders.list("all_withdrawals", "", page, nowMs, isWithdrawal, status),
  };

  *items(): Generator<Item> {
    yield* this.#users.items();
    yield* this.#orders.items();
  }

  protected restoreItem(item: Item): void {
    if (item[0] === "paper") this.#orders.restore(item);
    else this.#users.restore(item);
  }
}

export function claimOfWallet(act: WalletAct): string | undefined {
  return act.act === "deposit" && act.ref !== null ? referenceClaim(act.bank, act.ref) : undefined;
}

export function claimsInWallet([kind, ...values]: readonly JsonValue[]): readonly string[] | undefined {
  if (kind !== "reference") return undefined;
  // No version writes this item any more, so the programme's items do not list it.
  const [bank, reference] = values as [string, string];
  return [referenceClaim(bank, reference)];
}
