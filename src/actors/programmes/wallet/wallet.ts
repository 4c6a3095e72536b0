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
import type { WalletAct, WalletActs, WalletQuestions } from "./acts.ts";
import { referenceClaim, type UserItem, Users } from "./users.ts";
import { isHold, isRequest, isWithdrawal, type OrderItem, WalletOrders } from "./wallet-orders.ts";

type Item = UserItem | OrderItem;

export class Wallet extends TypedProgramme<WalletActs, WalletQuestions, never, Item> {
  readonly #users: Users;
  readonly #orders: WalletOrders;
  protected readonly decisions: Decisions<WalletActs>;
  protected readonly changes: Changes<WalletActs>;

  constructor(context: ProgrammeContext) {
    super();
    this.#users = new Users(context);
    this.#orders = new WalletOrders(context, (wallet) => this.#users.has(wallet));
    this.decisions = { ...this.#users.decisions, ...this.#orders.decisions };
    this.changes = { ...this.#users.changes, ...this.#orders.changes };
  }

  protected readonly answers: Answers<WalletQuestions> = {
    credential: (_, [email]) => this.#users.credentialOf(email),
    session: (_, [session], nowMs) => this.#users.session(session, nowMs),
    order: (_, [id], nowMs) => this.#orders.order(id, nowMs),
    holds: (_, [wallet, ...page], nowMs) => this.#orders.list("holds", wallet, page, nowMs, isHold),
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
